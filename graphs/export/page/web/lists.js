// Every node and every edge shown, as lists: by keyboard, for screen readers, and to sort through.
import { byId, count, element, signed } from "./dom.js";

const AT_ONCE = 200;

export function buildLists(page) {
  byId("lists").replaceChildren(
    element("h2", {}, "Nodes and edges"),
    element("p", { class: "hint" }, "Arrow keys go up and down a list; Enter shows what is known of an entry."),
    element("div", { class: "two" }, section("node", "Nodes"), section("edge", "Edges")),
  );
  for (const kind of ["node", "edge"]) {
    byId(`${kind}-list`).addEventListener("keydown", (event) => move(event));
    byId(`${kind}-more`).addEventListener("click", () => {
      page.state.listed[kind] += AT_ONCE;
      writeLists(page);
    });
  }
}

function section(kind, title) {
  return element("div", {},
    element("h3", { id: `${kind}-heading` }, title),
    element("ul", { class: "plain listed", id: `${kind}-list`, "aria-labelledby": `${kind}-heading` }),
    element("button", { type: "button", id: `${kind}-more` }, "Show more"));
}

export function writeLists(page) {
  const { data, shown, state } = page;
  const nodes = [...new Set(shown.flatMap((edge) => [data.edges.source[edge], data.edges.target[edge]]))].sort((a, b) => a - b);
  const edges = data.ranked_by === "score" ? [...shown].sort((a, b) => data.sizes[b] - data.sizes[a] || a - b) : shown;
  write(page, "node", nodes, count(nodes.length, "node"), (at) => {
    const node = data.nodes[at];
    const scores = node.circuits.map((own) => (own === null ? "\u2013" : signed(own.score))).join(", ");
    return [node.name, node.role, scores];
  });
  write(page, "edge", edges, count(edges.length, "edge"), (at) => [data.names[at], null, data.edges.circuits.map((circuit) => signed(circuit.score[at])).join(", ")]);
  byId("lists").dataset.nodes = String(nodes.length);
  byId("lists").dataset.edges = String(edges.length);
  mark(state.selection);
}

function write(page, kind, items, heading, words) {
  const most = page.state.listed[kind];
  byId(`${kind}-heading`).textContent = `${heading[0].toUpperCase()}${heading.slice(1)} shown`;
  byId(`${kind}-list`).replaceChildren(...items.slice(0, most).map((at) => {
    const [name, role, score] = words(at);
    return element("li", {}, element("button", { type: "button", "data-at": String(at), onclick: () => page.select({ [kind]: at }, true) },
      element("span", {}, name, role ? element("small", {}, ` ${role}`) : null), element("span", { class: "number" }, score)));
  }));
  byId(`${kind}-more`).hidden = items.length <= most;
}

export function mark(selection) {
  for (const kind of ["node", "edge"]) {
    for (const button of byId(`${kind}-list`).querySelectorAll("button")) {
      if (selection !== null && String(selection[kind]) === button.dataset.at) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}

function move(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target.tagName !== "BUTTON") return;
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const next = buttons[buttons.indexOf(event.target) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
