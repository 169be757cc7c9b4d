// Which edges are shown: the rules of `circuits export`, whose drawing of the same settings has the same edges.
import { edgeMembership } from "./data.js";

// Whether these edges are as many of the strongest as they are.
export function areStrongest(data, shown) {
  const edges = Array.from({ length: data.n }, (_, edge) => edge);
  return strongest(data, edges, shown.length).every((edge, at) => edge === shown[at]);
}

// The numbers of the edges shown, in wiring order.
export function shownEdges(data, settings) {
  const { source, target, port } = data.edges;
  const nodes = data.nodes;
  const ends = (edge) => [nodes[source[edge]], nodes[target[edge]]];
  let kept = Array.from({ length: data.n }, (_, edge) => edge);
  const keep = (test) => { kept = kept.filter(test); };
  if (settings.heads_only) keep((edge) => !ends(edge).some((node) => node.is_mlp));
  if (settings.layers) {
    const [first, last] = settings.layers;
    keep((edge) => ends(edge).every((node) => node.layer === null || (first <= node.layer && node.layer <= last)));
  }
  if (settings.roles.length) keep((edge) => ends(edge).some((node) => settings.roles.includes(node.role)));
  if (settings.ports.length) keep((edge) => settings.ports.includes(port[edge]));
  if (settings.only !== null) keep((edge) => String(edgeMembership(data, edge)) === heldBy(settings.only));
  if (settings.min_score !== null) keep((edge) => data.sizes[edge] >= settings.min_score);
  return settings.top === null ? kept : strongest(data, kept, settings.top);
}

// `a` and `b` are the first and the second circuit; of more than two, they are called by their numbers.
function heldBy(only) {
  return { a: "0", b: "1" }[only] ?? only;
}

function strongest(data, kept, n) {
  const ranks = ranking(data, kept);
  if (ranks === null || n >= kept.length) return kept;
  const order = kept.map((edge, at) => [edge, ranks[at]]).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return order.slice(0, n).map(([edge]) => edge).sort((a, b) => a - b);
}

// The number by which each edge is ranked: its |score|, else the smaller |score| of its ends; null without any.
function ranking(data, kept) {
  if (kept.some((edge) => data.sizes[edge] > 0)) return kept.map((edge) => data.sizes[edge]);
  const { source, target } = data.edges;
  const used = new Set(kept.flatMap((edge) => [source[edge], target[edge]]));
  const largest = Math.max(0, ...[...used].map((node) => data.nodes[node].size));
  if (largest === 0) return null;
  const of = (node) => (data.nodes[node].is_bar ? Infinity : data.nodes[node].size);
  return kept.map((edge) => Math.min(of(source[edge]), of(target[edge]), largest));
}

// The command that draws the same edges; of several runs, the one that draws each for itself, side by side.
export function drawingCommand(data, settings, shown, { annotations = null } = {}) {
  const [first, ...others] = data.beside.length ? data.beside : [data.reference];
  if (first === null) return null;
  const words = ["circuits", "export", first, "--to", "svg"];
  const add = (name, value) => words.push(name, String(value));
  for (const other of others) add("--beside", other);
  // Without a number or a least score, a drawing shows as much as can be read: the page shows all that is left.
  if (settings.top !== null) add("--top", settings.top);
  else if (settings.min_score === null && shown.length && !others.length) add("--top", shown.length);
  if (settings.min_score !== null) add("--min-score", settings.min_score);
  if (settings.heads_only) words.push("--heads-only");
  if (settings.layers) add("--layers", settings.layers.join("-"));
  for (const folder of data.roles_in) add("--with", folder);
  for (const role of settings.roles) add("--role", role);
  for (const one of settings.ports) add("--port", one);
  if (!others.length) {
    if (settings.only !== null) add("--only", settings.only);
    if (data.drawing_size !== null) add("--size", data.drawing_size);
    if (annotations !== null) add("--annotations", annotations);
  }
  return words.map(quoted).join(" ");
}

function quoted(word) {
  return /^[\w@%+=:,.\/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}
