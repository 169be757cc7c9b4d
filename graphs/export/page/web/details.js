// What is known of the node, the edge or the group that is selected; what was not measured is said.
import { effectStrip, attentionRow } from "./charts.js";
import { scoresOf } from "./data.js";
import { byId, count, element, interval, signed, signedEach, table } from "./dom.js";
import { palette } from "./looks.js";

const LISTED = 8, SHOWN_OF_PROMPT = 60;
const PORTS = { q: "query", k: "key", v: "value" };

export function showDetails(page) {
  const { selection } = page.state;
  const panel = byId("details");
  panel.replaceChildren(...(selection === null ? nothing(page) : sections(page, selection)));
}

function sections(page, selection) {
  if (selection.node !== undefined) return ofNode(page, selection.node);
  if (selection.group !== undefined) return ofGroup(page, selection.group);
  return selection.edge !== undefined ? ofEdge(page, selection.edge) : ofLine(page, selection.edges);
}

function nothing(page) {
  const strongest = [...page.shown].sort((a, b) => page.data.sizes[b] - page.data.sizes[a]).slice(0, LISTED);
  return [
    element("h2", {}, "Nothing selected"),
    element("p", {}, "Choose a node or an edge, in the drawing or in the lists."),
    element("h3", {}, "Strongest edges shown"),
    edgeList(page, strongest),
  ];
}

function ofNode(page, at) {
  const { data } = page;
  const node = data.nodes[at];
  const parts = [element("h2", {}, node.name), element("p", { class: "kind" }, kindOf(node))];
  data.circuits.forEach((circuit, side) => {
    const own = node.circuits[side];
    if (data.circuits.length > 1) parts.push(element("h3", {}, circuit.label));
    if (own === null) {
      parts.push(element("p", {}, "Not in this circuit."));
      return;
    }
    parts.push(scoreLine(own, own.score_is, circuit));
    parts.push(sumsTable(own), ...rolesOf(own, node, circuit), ...ofHead(page, node, circuit));
  });
  const { source, target } = data.edges;
  const side = (ends, title) => {
    const edges = page.shown.filter((edge) => ends[edge] === at).sort((a, b) => data.sizes[b] - data.sizes[a]);
    return edges.length ? [element("h3", {}, `${title}: ${count(edges.length, "edge")} shown`), edgeList(page, edges.slice(0, LISTED), edges.length)] : [];
  };
  return [...parts, ...side(target, "Into it"), ...side(source, "Out of it"), ...notesOf(page, node)].filter((part) => part !== null);
}

function kindOf(node) {
  const words = { head: "attention head", mlp: "MLP", key_value_head: "key-value head", kv: "key-value head" };
  const kind = node.is_bar ? (node.name === "input" ? "token and position embedding" : "what the metric reads") : words[node.kind] ?? node.kind;
  return `${kind}${node.layer === null ? "" : `, layer ${node.layer}`}${node.role === null ? "" : `, ${node.role}`}`;
}

function scoreLine(own, what, circuit) {
  if (own.score === null) return element("p", {}, "Score: not measured.");
  return element("p", { class: "score" },
    element("strong", {}, signed(own.score)), ` ${interval(own.low, own.high)}`,
    element("small", {}, `${circuit.metric ?? "metric"}; ${what}${own.method ? ` by ${own.method}` : ""}${own.low === null ? "; no interval: one sample" : "; 95 % interval over prompts"}`));
}

function sumsTable(own) {
  if (!own.sums.length) return null;
  const named = { outgoing: "out of it", incoming: "into it" };
  const rows = own.sums.map((sum) => {
    const port = sum.name.startsWith("incoming_") ? `into its ${PORTS[sum.name.slice(9)] ?? sum.name.slice(9)}` : named[sum.name] ?? sum.name;
    return [port, signed(sum.score), interval(sum.low, sum.high)];
  });
  return table("Sums over all edges of the model", ["edges", "sum", "95 % interval"], rows);
}

function rolesOf(own, node, circuit) {
  if (!own.labels.length) {
    if (node.kind !== "head") return [];
    return [element("h3", {}, "Role"), unmeasured(circuit, "roles", own.role === null ? "no role was tested" : `${own.role}; on what this rests was not kept`)];
  }
  return [
    element("h3", {}, "Roles, and what they rest on"),
    ...own.labels.map((label) => element("details", { open: own.labels.length < 3 }, element("summary", {}, label.role),
      element("ul", {}, label.evidence.map((one) => element("li", {}, `${one.condition}: ${signed(one.mean)}${one.n_prompts ? ` ${interval(one.low, one.high)}, ${count(one.n_prompts, "prompt")}` : ", read off the weights"}`))))),
  ];
}

// What runs read off heads: attention, direct logit attribution, codes.
function ofHead(page, node, circuit) {
  if (node.kind !== "head" && !circuit.readings[node.name]) return [];
  const parts = [];
  const patterns = circuit.patterns[node.name], readings = circuit.readings[node.name], codes = circuit.codes[node.name];
  parts.push(element("h3", {}, "Attention on a prompt"));
  if (patterns) parts.push(...attentionOn(page, patterns));
  else parts.push(unmeasured(circuit, "attention", "not measured", ` --heads ${node.name}`));
  parts.push(element("h3", {}, "Read off this head"));
  if (readings) parts.push(table("Readings", ["what", "mean", "95 % interval"], readings.map((one) => [one.name, signed(one.value), interval(one.low, one.high)])));
  else parts.push(unmeasured(circuit, "readings", "direct logit attribution and others: not measured"));
  if (codes) {
    parts.push(element("h3", {}, "Codes"), table("Codes that speak for the answer", ["code", "positives", "negatives"],
      codes.map((one) => [`${one.code}`, `${one.positives} of ${one.of_positives}`, `${one.negatives} of ${one.of_negatives}`])));
  } else if (circuit.unmeasured.codes) parts.push(element("h3", {}, "Codes"), unmeasured(circuit, "codes", "not measured"));
  return parts;
}

// One of the prompts whose attention is kept; of several the reader chooses, and of all heads the same is shown.
function attentionOn(page, patterns) {
  const chosen = () => patterns.find(({ prompt }) => prompt === page.state.attention) ?? patterns[0];
  const shown = () => {
    const pattern = chosen();
    return [element("p", {}, `Prompt ${pattern.prompt}, from its token ${pattern.row} (${pattern.tokens[pattern.row].trim()}):`), attentionRow(pattern, palette(page.data))];
  };
  const parts = element("div", {}, shown());
  if (patterns.length === 1) return [parts];
  const choose = (event) => {
    page.state.attention = Number(event.target.value);
    parts.replaceChildren(...shown());
  };
  const options = patterns.map((one) => element("option", { value: String(one.prompt), selected: one === chosen() }, `${one.prompt}: ${startOf(one.tokens)}`));
  const words = `Prompt, of ${patterns.length} whose attention is kept`;
  return [element("label", { class: "choice" }, words, element("select", { onchange: choose }, options)), parts];
}

// The text of a prompt; of a tokenizer of whole words, no token says where a space was.
function startOf(tokens) {
  const text = tokens.join(tokens.some((token) => token.startsWith(" ")) ? "" : " ").trim();
  return text.length > SHOWN_OF_PROMPT ? `${text.slice(0, SHOWN_OF_PROMPT)}\u2026` : text;
}

function unmeasured(circuit, what, words, more = "") {
  const command = circuit.unmeasured[what];
  const how = command ? [" To measure it: ", element("code", {}, `${command}${more}`)] : [];
  return element("p", { class: "unmeasured" }, `${words[0].toUpperCase()}${words.slice(1)}.`, how);
}

function ofEdge(page, edge) {
  const { data } = page;
  const port = data.edges.port[edge];
  const ends = [data.edges.source[edge], data.edges.target[edge]];
  const parts = [
    element("h2", {}, data.names[edge]),
    element("p", { class: "kind" }, `From ${data.nodes[ends[0]].name} to ${port ? `the ${PORTS[port] ?? port} of ` : ""}${data.nodes[ends[1]].name}`),
    element("p", {}, ends.map((node) => element("button", { type: "button", onclick: () => page.select({ node }, true) }, data.nodes[node].name))),
  ];
  data.circuits.forEach((circuit, side) => {
    const column = data.edges.circuits[side];
    if (data.circuits.length > 1) parts.push(element("h3", {}, circuit.label));
    if (!column.has[edge]) {
      parts.push(element("p", {}, "Not in this circuit."));
      return;
    }
    const own = { score: column.score[edge], low: column.low[edge], high: column.high[edge] };
    parts.push(scoreLine(own, column.score_is, circuit));
    const values = page.effects(side, edge);
    if (values === null) {
      const left = circuit.effects?.n_left_out ? `this page holds them of the ${count(circuit.effects.edges.length, "strongest edge")}` : "not kept";
      parts.push(element("p", { class: "unmeasured" }, `Effects of single prompts: ${left}.`));
    } else {
      parts.push(element("h3", {}, `Effect on each of ${count(values.length, "prompt")}`),
        effectStrip(values, own, circuit.prompts.length ? (prompt) => page.showPrompt(side, prompt) : null),
        element("p", { class: "hint" }, `Positive on ${[...values].filter((value) => value > 0).length}. The line is the mean, the band its 95 % interval${circuit.prompts.length ? "; a bar leads to its prompt" : ""}.`));
    }
  });
  return parts;
}

function ofLine(page, edges) {
  return [element("h2", {}, `${count(edges.length, "edge")} between groups`), edgeList(page, [...edges].sort((a, b) => page.data.sizes[b] - page.data.sizes[a]))];
}

function ofGroup(page, at) {
  const group = page.state.annotations.groups[at];
  const members = page.data.nodes.flatMap((node, number) => (group.nodes.includes(node.name) ? [number] : []));
  return [
    element("h2", {}, group.name),
    element("p", { class: "kind" }, `A group of ${count(members.length, "node")}`),
    element("ul", { class: "plain" }, members.map((node) => element("li", {}, element("button", { type: "button", onclick: () => page.select({ node }, true) }, page.data.nodes[node].name)))),
    element("p", {}, element("button", { type: "button", onclick: () => page.annotate((own) => own.groups.splice(at, 1)) }, "Dissolve this group")),
  ];
}

// The name of the group that a node is in, and a note on it.
function notesOf(page, { name, is_bar: isBar }) {
  const { groups, notes } = page.state.annotations;
  const current = groups.find(({ nodes }) => nodes.includes(name));
  const into = element("input", { id: "group-name", list: "group-names", value: current?.name ?? "", maxlength: "80", autocomplete: "off" });
  const names = element("datalist", { id: "group-names" }, groups.map((group) => element("option", { value: group.name })));
  const note = element("textarea", { id: "note", rows: "3", maxlength: "2000" }, notes[name] ?? "");
  const apply = () => page.annotate((own) => {
    for (const group of own.groups) group.nodes = group.nodes.filter((one) => one !== name);
    const wanted = into.value.trim();
    if (wanted) {
      const group = own.groups.find((one) => one.name === wanted);
      if (group) group.nodes.push(name);
      else own.groups.push({ name: wanted, nodes: [name] });
    }
    own.groups = own.groups.filter(({ nodes }) => nodes.length);
    if (note.value.trim()) own.notes[name] = note.value.trim();
    else delete own.notes[name];
  });
  const form = element("form", { class: "notes", onsubmit: (event) => { event.preventDefault(); apply(); } },
    element("h3", {}, "Your annotations"),
    ...(isBar ? [] : [element("label", { for: "group-name" }, "Group"), into, names]),
    element("label", { for: "note" }, "Note"), note,
    element("button", { type: "submit" }, "Apply"));
  return [form];
}

export function edgeList(page, edges, of = edges.length) {
  const { data } = page;
  const items = edges.map((edge) => {
    const score = signedEach(...scoresOf(data, edge));
    return element("li", {}, element("button", { type: "button", onclick: () => page.select({ edge }, true) }, element("span", {}, data.names[edge]), element("span", { class: "number" }, score)));
  });
  const more = of > edges.length ? [element("li", { class: "hint" }, `and ${of - edges.length} weaker ones`)] : [];
  return element("ul", { class: "plain edges" }, items, more);
}
