// Two circuits in numbers, and the way to their drawing.
import { command, element, json, runAddress, scale } from "/assets/common.js";

const by = (id) => document.getElementById(id);
// As it is: names in it may be no text.
const asked = location.search;
const FACTS = [
  ["Task", (run) => run.task], ["Model", (run) => run.model], ["Method", (run) => run.method],
  ["Asked", (run) => run.asked], ["Edges", (run) => run.edges?.toLocaleString("en")],
  ["Faithfulness", (run) => run.faithfulness_words], ["Date", (run) => run.date_words],
];
const head = (text, side = "") => element("th", { scope: "col", className: side, textContent: text });
const cell = (text, className = "") => element("td", { className, textContent: text ?? "" });

function table(title, headings, rows) {
  const made = element("table", {}, element("caption", { textContent: title }),
    element("thead", {}, element("tr", {}, ...headings)), element("tbody", {}, ...rows));
  return element("div", { className: "wide-table", tabIndex: 0, role: "region", "aria-label": title }, made);
}

const row = (name, ...cells) => element("tr", {}, element("th", { scope: "row", textContent: name }), ...cells);

function sides(runs) {
  const names = runs.map((run, side) => element("th", { scope: "col", className: "ab"[side] }, element("a", { href: runAddress(run.folder), textContent: run.run })));
  return table("The two runs", [element("td"), ...names], FACTS.map(([name, of]) => row(name, ...runs.map((run) => cell(of(run))))));
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);

function overlap(levels, [a, b]) {
  const rows = Object.entries(levels).map(([name, level]) => row(capital(name),
    cell(level.n_shared, "number"), cell(level.n_a - level.n_shared, "number"), cell(level.n_b - level.n_shared, "number"),
    element("td", { className: "number" }, level.iou === null ? "not defined" : level.iou.toFixed(2), level.iou === null ? null : scale(level.iou, null, 1))));
  return table("What the circuits share", [element("td"), head("Shared", "number"), head(`Only ${a}`, "a number"), head(`Only ${b}`, "b number"), head("Intersection over union", "number")], rows);
}

function members(nodes, words, [a, b]) {
  const groups = [["shared", "In both", "shared"], ["only_a", `Only ${a}`, "a"], ["only_b", `Only ${b}`, "b"]];
  return element("section", {}, element("h2", { textContent: capital(words) }), ...groups.map(([key, title, className]) =>
    element("div", { className: `members ${className}` }, element("h3", { textContent: `${title} (${nodes[key].length})` }),
      element("ul", {}, ...nodes[key].map((name) => element("li", { textContent: name }))))));
}

function transfer(rows) {
  return table("What each circuit alone keeps of each task", [head("Circuit"), head("Task"), head("Faithfulness", "number")],
    rows.map((of) => element("tr", {}, cell(of.circuit), cell(of.task), cell(of.faithfulness, "number"))));
}

try {
  const found = await json(`/compare.json${asked}`);
  const title = `${found.labels[0]} and ${found.labels[1]}`;
  by("title").textContent = document.title = title;
  const how = found.stored ? `Stored as ${found.stored}.` : "Compared here by what the two runs have stored; no model has run. A comparison that was written beside this folder, with --out, is not looked for.";
  const more = found.runs_circuits ? "This command runs each circuit on the other's task as well, beside random circuits:" :
    "This command says as well what chance gives; layers of a trace are no circuit that could be run:";
  by("status").textContent = found.transfer.length ? how : `${how} ${more}`;
  if (!found.transfer.length) by("status").after(command(found.command));
  const drawing = element("a", { className: "button", href: `/compare/page${asked}`, textContent: "Open both circuits in one drawing" });
  by("content").append(element("p", {}, drawing), sides(found.runs), overlap(found.levels, found.labels),
    ...(found.transfer.length ? [transfer(found.transfer)] : []), members(found.nodes, found.nodes_are, found.labels));
} catch (error) {
  by("status").textContent = error.message;
  by("status").className = "problem";
}
