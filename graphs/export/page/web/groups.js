// Nodes that were grouped under a name: one box, and the lines between the same boxes are one line.

// The boxes and lines of the edges shown. A box is a node's number, or "g" and a group's number.
export function merged(data, shown, groups) {
  const into = new Map();
  groups.forEach(({ nodes }, at) => {
    for (const name of nodes) into.set(name, `g${at}`);
  });
  const boxOf = (node) => into.get(data.nodes[node].name) ?? node;
  const lines = new Map();
  for (const edge of shown) {
    const [from, to] = [boxOf(data.edges.source[edge]), boxOf(data.edges.target[edge])];
    if (from === to) continue;
    const isPlain = typeof from === "number" && typeof to === "number";
    const key = `${from}>${to}<${data.edges.port[edge] ?? ""}`;
    if (!lines.has(key)) lines.set(key, { from, to, port: data.edges.port[edge], isPlain, edges: [] });
    lines.get(key).edges.push(edge);
  }
  return { lines: [...lines.values()], boxOf };
}

const FORMAT = { format: "circuit-workbench-annotations", version: 1 };
const LONGEST = 2000;

// The file that `circuits export --annotations` draws.
export function asFile(annotations) {
  const groups = annotations.groups.filter(({ nodes }) => nodes.length);
  const notes = Object.fromEntries(Object.entries(annotations.notes).filter(([, text]) => text.trim()));
  return `${JSON.stringify({ ...FORMAT, groups, notes }, null, 2)}\n`;
}

// What such a file holds. Throws an Error that says what is wrong with it.
export function fromFile(text, names) {
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error("This file is no JSON. Choose one that was saved on such a page.");
  }
  if (content?.format !== FORMAT.format) throw new Error("This file holds no annotations of a circuit.");
  if (content.version > FORMAT.version) throw new Error(`These annotations are of version ${content.version}, newer than this page.`);
  const known = new Set(names), taken = new Set();
  const groups = (content.groups ?? []).map(({ name, nodes }) => {
    if (typeof name !== "string" || !name.trim() || !Array.isArray(nodes)) throw new Error("A group has no name or no nodes.");
    for (const node of nodes) {
      if (!known.has(node)) throw new Error(`The group ${name} holds ${node}, which this circuit does not have.`);
      if (node === "input" || node === "logits") throw new Error(`${node} stands by itself, and in no group.`);
      if (taken.has(node)) throw new Error(`${node} is in two groups.`);
      taken.add(node);
    }
    return { name: name.slice(0, LONGEST), nodes: [...nodes] };
  });
  const notes = {};
  for (const [node, note] of Object.entries(content.notes ?? {})) {
    if (!known.has(node)) throw new Error(`There is a note on ${node}, which this circuit does not have.`);
    notes[node] = String(note).slice(0, LONGEST);
  }
  return { groups, notes };
}
