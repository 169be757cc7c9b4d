// The filters, the view, and the command that draws the same.
import { byId, element } from "./dom.js";
import { drawingCommand } from "./filter.js";
import { rolesOf } from "./looks.js";

export const ANNOTATIONS_FILE = "annotations.json";

export function buildFilters(page) {
  const { data } = page;
  const form = byId("filters");
  const layers = [...new Set(data.nodes.map(({ layer }) => layer).filter((layer) => layer !== null))].sort((a, b) => a - b);
  const roles = rolesOf(data);
  form.addEventListener("submit", (event) => event.preventDefault());
  const search = element("input", { type: "search", id: "search", list: "node-names", placeholder: "a3.h1, or a role", autocomplete: "off" });
  form.replaceChildren(
    element("h2", {}, "Show"),
    labelled("search", "Find a node", search, element("datalist", { id: "node-names" }, data.nodes.map(({ name }) => element("option", { value: name })))),
    ...(data.ranked_by === null ? [element("p", { class: "hint" }, "No part of this circuit has a score: there is no strongest.")] : [
      labelled("top", "Strongest edges, at most", element("input", { type: "number", id: "top", min: "1", max: String(data.n), step: "1", inputmode: "numeric" }),
        element("input", { type: "range", id: "top-range", min: "0", max: "1000", step: "1", "aria-label": "Strongest edges, at most" })),
      labelled("min-score", "|score| at least", element("input", { type: "number", id: "min-score", min: "0", step: "any", inputmode: "decimal" })),
    ]),
    ...(data.nodes.some(({ is_mlp }) => is_mlp) ? [element("label", { class: "check" }, element("input", { type: "checkbox", id: "heads-only" }), "Heads only, no MLPs")] : []),
    ...(layers.length > 1 ? [element("fieldset", {}, element("legend", {}, "Layers"), select("first-layer", "first", layers), select("last-layer", "last", layers))] : []),
    ...(data.ports.length ? [checks("Into", "port", data.ports, { q: "query", k: "key", v: "value" })] : []),
    ...(roles.length ? [checks("At heads with the role", "role", roles, {})] : []),
    ...(data.circuits.length > 1 ? [members(data)] : []),
    element("button", { type: "button", id: "reset", onclick: () => page.filter(page.everything()) }, "Show everything"),
  );
  form.addEventListener("input", (event) => {
    if (event.target.id === "search") return;
    if (event.target.id === "top-range") byId("top").value = String(sizeAt(Number(event.target.value), data.n));
    page.filter(readFilters(data));
  });
  search.addEventListener("change", () => page.find(search.value));
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") page.find(search.value); });
}

// Places of the slider are even on a log axis: small circuits have as much room as large ones.
function sizeAt(place, n) {
  return Math.max(1, Math.round(n ** (place / 1000)));
}

function placeOf(size, n) {
  return n > 1 ? Math.round((1000 * Math.log(Math.max(1, Math.min(size, n)))) / Math.log(n)) : 1000;
}

function labelled(id, words, ...fields) {
  return element("div", { class: "field" }, element("label", { for: id }, words), fields);
}

function select(id, words, layers) {
  return element("label", {}, words, element("select", { id }, layers.map((layer) => element("option", { value: String(layer) }, String(layer)))));
}

function checks(title, name, values, words) {
  return element("fieldset", {}, element("legend", {}, title), values.map((value) =>
    element("label", { class: "check" }, element("input", { type: "checkbox", name, value }), words[value] ?? value)));
}

function members(data) {
  const few = data.circuits.length === 2;
  const own = data.circuits.map(({ label }, at) => [few ? "ab"[at] : String(at), `only ${label}`]);
  const choices = [["", "all edges"], ["shared", few ? "in both" : "in all"], ...(few ? [] : [["some", "in some"]]), ...own];
  return element("fieldset", { id: "members" }, element("legend", {}, "Which circuits"), choices.map(([value, words]) =>
    element("label", { class: "check" }, element("input", { type: "radio", name: "only", value, checked: value === "" }), words, element("span", { class: "number", "data-count": value }))));
}

function readFilters(data) {
  const number = (id) => { const field = byId(id); return field && field.value.trim() !== "" && Number.isFinite(field.valueAsNumber) ? field.valueAsNumber : null; };
  const chosen = (name) => [...document.querySelectorAll(`#filters input[name="${name}"]:checked`)].map(({ value }) => value);
  const top = number("top"), least = number("min-score");
  return {
    top: top === null || top < 1 ? null : Math.round(top),
    min_score: least !== null && least > 0 ? least : null,
    heads_only: byId("heads-only")?.checked ?? false,
    layers: layersAsked(),
    roles: chosen("role"),
    // All ports, as none: edges into MLPs and logits have no port, and stay.
    ports: chosen("port"),
    only: chosen("only")[0] || null,
  };
}

function layersAsked() {
  const [first, last] = ["first-layer", "last-layer"].map((id) => byId(id));
  if (!first) return null;
  const values = [...first.options].map(({ value }) => Number(value));
  const [from, to] = [Number(first.value), Number(last.value)];
  if (from === values[0] && to === values.at(-1)) return null;
  return [Math.min(from, to), Math.max(from, to)];
}

export function writeFilters(page) {
  const { data, state: { settings } } = page;
  const set = (id, value) => { const field = byId(id); if (field && document.activeElement !== field) field.value = value; };
  set("top", settings.top === null ? "" : String(settings.top));
  set("top-range", String(placeOf(settings.top ?? data.n, data.n)));
  set("min-score", settings.min_score === null ? "" : String(settings.min_score));
  const heads = byId("heads-only");
  if (heads) heads.checked = settings.heads_only;
  const [first, last] = ["first-layer", "last-layer"].map((id) => byId(id));
  if (first) {
    first.value = String(settings.layers?.[0] ?? first.options[0].value);
    last.value = String(settings.layers?.[1] ?? [...last.options].at(-1).value);
  }
  for (const name of ["role", "port"]) {
    for (const box of document.querySelectorAll(`#filters input[name="${name}"]`)) box.checked = settings[`${name}s`].includes(box.value);
  }
  for (const box of document.querySelectorAll('#filters input[name="only"]')) box.checked = box.value === (settings.only ?? "");
}

export function buildTools(page) {
  const button = (words, name, onclick, apart = false) => element("button", { type: "button", onclick, "aria-label": name, class: apart ? "apart" : null }, words);
  byId("tools").replaceChildren(
    button("+", "Zoom in", () => page.canvas.zoomBy(1.3)),
    button("\u2212", "Zoom out", () => page.canvas.zoomBy(1 / 1.3)),
    button("Fit", "Show all of the drawing", () => page.canvas.fit()),
    button("Save annotations", "Save annotations: groups and notes, as a file", () => page.save(), true),
    button("Load annotations", "Load annotations: groups and notes, from a file", () => byId("annotations-file").click()),
    element("input", { type: "file", id: "annotations-file", accept: ".json,application/json", "aria-label": "File of annotations", onchange: (event) => page.load(event.target) }),
  );
}

export function writeCommand(page) {
  const { groups, notes } = page.state.annotations;
  const hasOwn = groups.length > 0 || Object.keys(notes).length > 0;
  const areBeside = page.data.beside.length > 0;
  const command = drawingCommand(page.data, page.state.settings, page.shown, { annotations: hasOwn ? ANNOTATIONS_FILE : null });
  const parts = command === null ? [] : [areBeside ? "Side by side for a paper: " : "The same figure for a paper: ", element("code", { id: "command" }, command),
    element("button", { type: "button", onclick: () => copy(command) }, "Copy")];
  if (command !== null && areBeside) parts.push(element("span", { class: "hint" }, " draws each circuit for itself: a number of edges is that of each, and groups and notes are left out"));
  else if (command !== null && hasOwn) parts.push(element("span", { class: "hint" }, ` after saving the annotations as ${ANNOTATIONS_FILE}`));
  byId("command-line").replaceChildren(...parts);
}


// Where a page may not write to the clipboard, the command is marked, ready to be copied by hand.
async function copy(command) {
  try {
    await navigator.clipboard.writeText(command);
  } catch {
    getSelection().selectAllChildren(byId("command"));
  }
}
