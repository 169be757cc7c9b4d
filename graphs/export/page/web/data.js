// What Python computed, read once.

export function read(text) {
  const data = JSON.parse(text);
  const { source, target, port } = data.edges;
  data.n = source.length;
  data.names = source.map((from, at) => {
    const into = port[at] ? `<${port[at]}>` : "";
    return `${data.nodes[from].name}->${data.nodes[target[at]].name}${into}`;
  });
  // The largest |score| in any circuit; 0 where none was measured.
  data.sizes = source.map((_, at) =>
    Math.max(0, ...data.edges.circuits.map((circuit) => Math.abs(circuit.score[at] ?? 0))));
  for (const circuit of data.circuits) if (circuit.effects) decode(circuit.effects);
  return data;
}

// Effects of single prompts: 32-bit numbers, edge by edge.
function decode(effects) {
  const bytes = Uint8Array.from(atob(effects.values), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  effects.values = Float32Array.from({ length: bytes.length / 4 }, (_, at) => view.getFloat32(4 * at, true));
  effects.place = new Map(effects.edges.map((edge, at) => [edge, at]));
}

export function effectsOf(data, circuit, edge) {
  const effects = data.circuits[circuit].effects;
  const place = effects?.place.get(edge);
  if (place === undefined) return null;
  return effects.values.slice(place * effects.n_prompts, (place + 1) * effects.n_prompts);
}

// Which circuits have an edge, or a node: "shared", "some", or the number of the only one.
export function membership(held) {
  const having = held.flatMap((has, at) => (has ? [at] : []));
  if (having.length === held.length) return "shared";
  return having.length === 1 ? having[0] : "some";
}

export function edgeMembership(data, edge) {
  return membership(data.edges.circuits.map((circuit) => circuit.has[edge]));
}

export function nodeMembership(data, node) {
  return membership(data.nodes[node].circuits.map((own) => own !== null));
}

// Whether two circuits have an edge with scores of unlike signs.
export function isFlipped(data, edge) {
  const scores = data.edges.circuits.map((circuit) => circuit.score[edge]);
  return scores.length === 2 && scores.every((score) => score !== null) && scores[0] * scores[1] < 0;
}
