// The runs of the folder: sorted, filtered, ticked for a comparison; what is computed now, once a second.
import { bar, beyondWords, compareAddress, element, json, runAddress, scale } from "/assets/common.js";

const COLUMNS = [
  { name: "run", title: "Run" },
  { name: "task", title: "Task" },
  { name: "model", title: "Model" },
  { name: "method", title: "Method" },
  { name: "edges", title: "Edges", isNumber: true },
  { name: "faithfulness", title: "Faithfulness", isNumber: true },
  { name: "date", title: "Date", isNumber: true },
  { name: "kind", title: "State" },
];
const FILTERS = ["task", "model", "method", "kind"];
const EVERY_MS = 1000;
const by = (id) => document.getElementById(id);

let runs = [];
let version = -1;
let unread = 0;
let running = {};
const ticked = new Set();
const asked = Object.fromEntries(new URLSearchParams(location.search));
let sort = COLUMNS.some(({ name }) => asked.sort?.replace("-", "") === name) ? asked.sort : "-date";

/** The run as it is now: its row, or what the progress says of it. */
const now = (run) => running[run.folder] ?? run;

function compared(a, b) {
  const column = COLUMNS.find(({ name }) => name === sort.replace("-", ""));
  const [left, right] = [a[column.name] ?? null, b[column.name] ?? null];
  if (left === null || right === null) return (left === null) - (right === null); // what has none comes last
  const order = typeof left === "number" ? left - right : String(left).localeCompare(String(right), "en", { numeric: true });
  return (sort.startsWith("-") ? -order : order) || a.folder.localeCompare(b.folder);
}

function isShown(run) {
  const words = by("q").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [run.run, run.task, run.model, run.method, run.asked, run.words].join(" ").toLowerCase();
  return FILTERS.every((name) => !by(name).value || String(run[name] ?? "") === by(name).value)
    && words.every((word) => text.includes(word));
}

function keep() {
  const now = new URLSearchParams();
  for (const name of ["q", ...FILTERS]) if (by(name).value) now.set(name, by(name).value);
  if (sort !== "-date") now.set("sort", sort);
  history.replaceState(null, "", now.size ? `?${now}` : location.pathname);
}

function options() {
  for (const name of FILTERS) {
    const select = by(name);
    const chosen = select.value || asked[name] || "";
    const values = [...new Set(runs.map((run) => String(now(run)[name] ?? "")))].filter(Boolean).sort();
    select.replaceChildren(element("option", { value: "", textContent: "all" }),
      ...values.map((value) => element("option", { value, textContent: value })));
    select.value = values.includes(chosen) ? chosen : "";
    delete asked[name];
  }
}

function headings() {
  by("headings").replaceChildren(element("th", { role: "columnheader", className: "tick" }, element("span", { className: "unseen", textContent: "Compare" })),
    ...COLUMNS.map(({ name, title, isNumber }) => {
      const order = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
      const button = element("button", { type: "button", textContent: title });
      button.addEventListener("click", () => {
        // Numbers begin with the largest, names with A.
        const [first, second] = isNumber ? [`-${name}`, name] : [name, `-${name}`];
        sort = sort === first ? second : first;
        by("sort").value = sort;
        show();
        by("headings").querySelectorAll("button")[COLUMNS.findIndex((column) => column.name === name)].focus();
      });
      const cell = element("th", { role: "columnheader", scope: "col", className: isNumber ? "number" : "" }, button);
      cell.setAttribute("aria-sort", order);
      return cell;
    }));
}

function stateCell(run) {
  const state = now(run);
  const cell = element("td", { role: "cell", className: `state ${state.kind}` }, element("span", { className: "label", textContent: state.words }));
  if (state.kind === "running") cell.prepend(bar(state.running.share, `${run.run}: share done`));
  if (state.kind === "failed") cell.append(element("span", { className: "quiet asked", textContent: state.error }));
  cell.dataset.label = "State";
  return cell;
}

function line(run) {
  const tick = element("input", { type: "checkbox", checked: ticked.has(run.folder), disabled: run.kind !== "finished" });
  tick.setAttribute("aria-label", `compare ${run.run}`);
  tick.addEventListener("change", () => {
    if (tick.checked) ticked.add(run.folder); else ticked.delete(run.folder);
    made.classList.toggle("is-ticked", tick.checked);
    tickedBar();
  });
  const link = element("a", { href: runAddress(run.folder), textContent: run.run });
  const name = element("th", { role: "rowheader", scope: "row", className: "run" }, link);
  if (run.asked) name.append(element("span", { className: "quiet asked", textContent: run.asked }));
  const cell = (column, text, className = "") => {
    const made = element("td", { role: "cell", className, textContent: text ?? "" });
    made.dataset.label = column;
    return made;
  };
  const faithfulness = cell("Faithfulness", "", "number faithfulness");
  if (typeof run.faithfulness === "number") {
    const beyond = beyondWords(run.faithfulness);
    faithfulness.append(element("span", { textContent: run.faithfulness_words }),
      ...(beyond ? [element("span", { className: "unseen", textContent: `, ${beyond}, beyond its scale` })] : []),
      scale(run.faithfulness, run.faithfulness_interval));
  }
  const made = element("tr", { role: "row", className: ticked.has(run.folder) ? "is-ticked" : "" }, element("td", { role: "cell", className: "tick" }, tick), name, cell("Task", run.task),
    cell("Model", run.model), cell("Method", run.method), cell("Edges", run.edges?.toLocaleString("en"), "number"),
    faithfulness, cell("Date", run.date_words, "number date"), stateCell(run));
  made.dataset.folder = run.folder;
  return made;
}

function show() {
  headings();
  const shown = runs.filter((run) => isShown(now(run))).sort(compared);
  by("runs").tBodies[0].replaceChildren(...shown.map(line));
  by("runs").hidden = !shown.length;
  const counted = runs.length === shown.length ? `${runs.length} runs` : `${shown.length} of ${runs.length} runs`;
  const words = runs.length || unread ? counted.replace(/^1 runs$/, "1 run") : "There are no runs in this folder yet. `circuits discover --runs FOLDER` makes some.";
  by("count").textContent = unread ? `${words}, ${unread} still being read …` : words;
  tickedBar();
  keep();
}

function tickedBar() {
  const folders = [...ticked];
  by("ticked").hidden = !folders.length;
  by("compare").hidden = folders.length !== 2;
  const names = folders.join(" and ");
  if (folders.length === 1) by("ticked-words").textContent = `${names}: tick another run to compare with.`;
  else if (folders.length === 2) by("ticked-words").textContent = names;
  else by("ticked-words").textContent = `${folders.length} runs are ticked; two are compared here. In a terminal, circuits compare takes any number.`;
  if (folders.length === 2) by("compare").href = compareAddress(folders[0], folders[1]);
}

function comparisons(pairs) {
  by("comparisons").hidden = !pairs.length;
  by("comparisons").querySelector("ul").replaceChildren(...pairs.map(({ name, runs: [a, b] }) =>
    element("li", {}, element("a", { href: compareAddress(a, b), textContent: name }))));
}

async function read() {
  const found = await json("/runs.json");
  ({ runs, version, unread } = found);
  by("folder").textContent = found.folder;
  document.title = `Runs in ${found.folder}`;
  for (const folder of ticked) if (!runs.some((run) => run.folder === folder)) ticked.delete(folder);
  comparisons(found.comparisons);
  options();
  show();
}

async function follow() {
  try {
    const found = await json("/progress.json");
    const before = Object.keys(running).join();
    running = found.running;
    if (found.version !== version || found.unread !== unread) await read();
    else if (before !== Object.keys(running).join()) { options(); show(); }
    else for (const row of by("runs").tBodies[0].rows) {
      const run = running[row.dataset.folder];
      if (run) row.lastChild.replaceWith(stateCell(run));
    }
    by("others").hidden = !found.others.length;
    by("others").replaceChildren(...found.others.map((words) => element("li", { textContent: `Running as well: ${words}` })));
    document.body.classList.remove("is-lost");
  } catch (error) {
    document.body.classList.add("is-lost");
    by("count").textContent = error instanceof TypeError ? "The server has ended: circuits view starts it again." : error.message;
    version = -1;
  }
  setTimeout(follow, document.hidden ? 5 * EVERY_MS : EVERY_MS);
}

by("q").value = asked.q ?? "";
by("sort").replaceChildren(...COLUMNS.flatMap(({ name, title, isNumber }) => [
  element("option", { value: isNumber ? `-${name}` : name, textContent: `${title}${isNumber ? ", largest first" : ", A to Z"}` }),
  element("option", { value: isNumber ? name : `-${name}`, textContent: `${title}${isNumber ? ", smallest first" : ", Z to A"}` }),
]));
by("sort").value = sort;
by("sort").addEventListener("change", (event) => { sort = event.target.value; show(); event.stopPropagation(); });
by("filters").addEventListener("input", (event) => { if (event.target.id !== "sort") show(); });
by("filters").addEventListener("submit", (event) => event.preventDefault());
by("filters").addEventListener("reset", () => setTimeout(() => { by("sort").value = sort; show(); }));
by("untick").addEventListener("click", () => { ticked.clear(); show(); });
follow();
