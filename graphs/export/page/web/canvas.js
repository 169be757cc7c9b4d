// The drawing: boxes by layer at the places that Python gave them, lines between them; pan, zoom, and selection.
import { boxLook, lineLook, palette, summed } from "./looks.js";
import { merged } from "./groups.js";
import { count, signed } from "./dom.js";
import { BESIDE, HEIGHT, routes } from "./routes.js";

const NARROW = 600; // pixels of a canvas in which names are short and large: layers stand beside the rows
const INSETS = { q: -0.28, k: 0, v: 0.28 }; // where lines into a head arrive, in widths of its box
const MARKERS = { q: "ellipse", k: "rectangle", v: "triangle" }; // the shape there, one for all lines into an input
const MARKER = 7; // pixels of it

export class Canvas {
  constructor(container, data, { select, tip }) {
    this.data = data;
    this.container = container;
    this.select = select;
    this.lines = []; // drawn, as `merged` makes them
    this.boxes = []; // numbers of the nodes drawn as themselves, without the bars of input and logits
    this.cy = globalThis.cytoscape({
      container,
      elements: this.#boxes(),
      layout: { name: "preset" },
      style: [],
      minZoom: 0.02,
      maxZoom: 4,
      boxSelectionEnabled: false,
      autoungrabify: true,
      // While the drawing moves, a picture of it moves: 5,000 lines stay smooth.
      textureOnViewport: true,
      pixelRatio: "auto",
    });
    this.recolor();
    this.cy.on("tap", (event) => {
      if (event.target === this.cy) this.select(null);
      else if (event.target.data("selects")) this.select(event.target.data("selects"));
    });
    this.cy.on("mouseover", "node, edge", (event) => tip(event.target.data("tip"), event.renderedPosition));
    this.cy.on("mouseout viewport", () => tip(null));
    this.cy.on("viewport", () => (this.isWhole = false));
    this.isWhole = false; // whether all of it was fitted into view, and nobody has moved it since
  }

  #boxes() {
    const { data } = this;
    const left = Math.min(...data.nodes.map(({ x, width }) => x - width / 2));
    const boxes = data.nodes.map((node, at) => ({
      group: "nodes",
      data: { id: `n${at}`, label: node.name, short: node.short, width: node.width, tip: tipOfNode(data, at), selects: { node: at } },
      position: { x: node.x, y: node.y },
      classes: node.is_bar ? "box bar" : "box",
    }));
    const layers = new Map(data.nodes.filter(({ layer }) => layer !== null).map((node) => [node.layer, node.y]));
    for (const [layer, y] of layers) {
      boxes.push({
        group: "nodes",
        data: { id: `l${layer}`, label: `L${layer}`, short: `L${layer}` },
        position: { x: left - BESIDE - 26, y },
        classes: "layer",
        selectable: false,
      });
    }
    return boxes;
  }

  // Show these edges, with the nodes that they connect; grouped nodes as one box.
  show(shown, groups) {
    const { data, cy } = this;
    const { lines, boxOf } = merged(data, shown, groups);
    let ways = [];
    const used = new Set(shown.flatMap((edge) => [data.edges.source[edge], data.edges.target[edge]]));
    this.lines = lines;
    this.used = used;
    this.boxes = [...used].filter((node) => typeof boxOf(node) === "number" && !data.nodes[node].is_bar);
    const layers = new Set(this.boxes.map((node) => data.nodes[node].layer));
    cy.batch(() => {
      cy.nodes(".group, .marker").remove();
      data.nodes.forEach((_, at) => {
        cy.getElementById(`n${at}`).toggleClass("hidden", !used.has(at) || typeof boxOf(at) === "string");
      });
      cy.nodes(".layer").forEach((node) => node.toggleClass("hidden", !layers.has(Number(node.id().slice(1)))));
      groups.forEach((group, at) => {
        const members = data.nodes.flatMap((node, number) => (used.has(number) && group.nodes.includes(node.name) ? [number] : []));
        if (members.length) cy.add(groupBox(data, group, at, members, this.#there()));
      });
      const wanted = new Map(lines.map((line) => [idOf(line), line]));
      const extra = cy.edges().filter((edge) => !wanted.has(edge.id()));
      extra.remove();
      const isThere = new Set(cy.edges().map((edge) => edge.id()));
      const colors = palette(data);
      ways = this.#ways(lines);
      const bends = ways.map((way) => bend(way));
      lines.forEach((line, at) => {
        const edge = cy.getElementById(idOf(line));
        if (Object.entries(bends[at]).some(([name, value]) => edge.data(name) !== value)) edge.data(bends[at]);
      });
      cy.add(lines.flatMap((line, at) => (isThere.has(idOf(line)) ? [] : [this.#line(idOf(line), line, bends[at], colors)])));
      cy.add(markersOf(lines, ways));
    });
    this.#mend(lines, ways);
    this.#describe();
  }

  // The library keeps what it has read of numbers by a hash, and of thousands takes one for another where theirs is the
  // same: the line would be broken off there. With a digit more its numbers have other hashes.
  #mend(lines, ways, digits = 6) {
    const isBroken = (edge) => ["control-point-weights", "control-point-distances"].some((name) => !edge.pstyle(name).value.every(Number.isFinite));
    const broken = lines.flatMap((line, at) => (isBroken(this.cy.getElementById(idOf(line))) ? [at] : []));
    if (!broken.length) return;
    this.cy.batch(() => { for (const at of broken) this.cy.getElementById(idOf(lines[at])).data(bend(ways[at], digits)); });
    if (digits < 12) this.#mend(lines, ways, digits + 1);
  }

  // The boxes in the drawing now.
  #there() {
    return this.cy.nodes(".box").not(".hidden");
  }

  // Lines lead around the boxes that are there now.
  #ways(lines) {
    const boxes = this.#there().map((node) => ({
      id: node.id(), ...node.position(), width: node.data("width"), isBar: node.hasClass("bar"),
    }));
    const widths = new Map(boxes.map(({ id, width }) => [id, width]));
    const led = lines.map((line) => {
      const [from, to] = [line.from, line.to].map(boxId);
      const strength = Math.max(...line.edges.map((edge) => this.data.edges.strength[edge]));
      return { from, to, port: line.port, inset: (INSETS[line.port] ?? 0) * widths.get(to), strength };
    });
    const places = new Map(boxes.map(({ id, x, y }) => [id, { x, y }]));
    return routes(boxes, led).map((points, at) => ({ points, source: places.get(led[at].from), target: places.get(led[at].to) }));
  }

  #line(id, line, bends, colors) {
    const { data } = this;
    const look = lineLook(data, line, colors);
    return {
      group: "edges",
      data: {
        id,
        source: boxId(line.from),
        target: boxId(line.to),
        enters: inputOf(line),
        ...look,
        ...bends,
        selects: line.isPlain ? { edge: line.edges[0] } : { edges: line.edges },
        tip: tipOfLine(data, line),
      },
    };
  }

  // Colors anew, as after a change from light to dark.
  recolor() {
    const { data, cy } = this;
    const colors = palette(data);
    cy.batch(() => {
      data.nodes.forEach((_, at) => cy.getElementById(`n${at}`).data(boxLook(data, at, colors)));
      for (const line of this.lines) {
        const look = lineLook(data, line, colors);
        cy.getElementById(idOf(line)).data(look);
      }
    });
    this.isNarrow = cy.width() < NARROW;
    cy.style(styleSheet(colors, this.isNarrow));
  }

  // Let what is selected, and what it touches, stand out.
  mark(selection) {
    const { cy } = this;
    cy.batch(() => {
      cy.elements().removeClass("chosen near far");
      const chosen = this.#elementsOf(selection);
      if (chosen.empty()) return;
      const lines = chosen.edges().union(chosen.connectedEdges());
      const near = chosen.union(lines).union(lines.connectedNodes()).union(this.#entered(lines)).union(this.#besides(chosen));
      cy.elements().not(near).not(".layer").addClass("far");
      near.addClass("near");
      chosen.addClass("chosen");
    });
    this.#describe(selection);
  }

  // The markers of the inputs that lines enter.
  #entered(lines) {
    const inputs = new Set(lines.map((line) => line.data("enters")));
    return this.cy.nodes(".marker").filter((marker) => inputs.has(marker.id()));
  }

  // The heads that a chosen key-value head serves, and the other way round.
  #besides(chosen) {
    const pairs = this.data.serves.map((pair) => pair.map((node) => this.cy.getElementById(`n${node}`)));
    return this.cy.collection(pairs.filter((pair) => pair.some((box) => chosen.contains(box))).flat());
  }

  #elementsOf(selection) {
    const { cy } = this;
    if (selection === null) return cy.collection();
    if (selection.node !== undefined) return cy.getElementById(`n${selection.node}`).not(".hidden");
    if (selection.group !== undefined) return cy.getElementById(`g${selection.group}`);
    const wanted = selection.edge ?? selection.edges[0];
    const line = this.lines.find(({ edges }) => edges.includes(wanted));
    return line === undefined ? cy.collection() : cy.getElementById(idOf(line));
  }

  // Move what is selected into view, where it is not.
  reveal(selection) {
    const chosen = this.#elementsOf(selection);
    if (chosen.empty()) return;
    const { x1, x2, y1, y2 } = chosen.renderedBoundingBox();
    const [width, height] = [this.cy.width(), this.cy.height()];
    if (x2 < 0 || y2 < 0 || x1 > width || y1 > height) this.cy.center(chosen);
  }

  fit() {
    this.cy.resize();
    // Of the boxes alone: lines hardly leave their bounds, which are slow to find for thousands.
    this.cy.fit(this.cy.nodes().not(".hidden"), 18);
    this.isWhole = true;
  }

  // The room for it is another: all of it stays in view, or else what was in the middle stays there.
  resized() {
    const before = { width: this.cy.width(), height: this.cy.height() };
    this.cy.resize();
    if (this.isNarrow !== this.cy.width() < NARROW) this.recolor();
    if (this.isWhole) this.fit();
    else this.cy.panBy({ x: (this.cy.width() - before.width) / 2, y: (this.cy.height() - before.height) / 2 });
  }

  zoomBy(factor) {
    const middle = { x: this.cy.width() / 2, y: this.cy.height() / 2 };
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: middle });
  }

  // The box nearest to another in a direction of the screen; null at the rim.
  neighbor(from, [dx, dy]) {
    const places = this.#there();
    if (from === null || from.empty()) return places.length ? places[0].data("selects") : null;
    const here = from.position();
    let best = null;
    for (const node of places) {
      if (node.id() === from.id()) continue;
      const to = node.position();
      const along = dx * (to.x - here.x) + dy * (to.y - here.y);
      const across = Math.abs(dy * (to.x - here.x)) + Math.abs(dx * (to.y - here.y));
      if (along <= 1) continue;
      const far = along + 2 * across;
      if (best === null || far < best.far) best = { far, node };
    }
    return best === null ? null : best.node.data("selects");
  }

  selectedNode(selection) {
    const chosen = this.#elementsOf(selection).nodes();
    return chosen.empty() ? null : chosen[0];
  }

  #describe(selection = null) {
    const what = `${this.lines.length} lines between ${this.#there().length} boxes, by layer`;
    const chosen = this.#elementsOf(selection);
    const said = chosen.empty() ? "" : `. Selected: ${chosen[0].data("tip")}`;
    this.container.setAttribute("aria-label", `Circuit: ${what}${said}`);
  }
}

function boxId(box) {
  return typeof box === "number" ? `n${box}` : box;
}

function idOf(line) {
  return line.isPlain ? `e${line.edges[0]}` : `m${line.from}>${line.to}<${line.port ?? ""}`;
}

// The input of a head that a line enters; null where it enters a box as a whole.
function inputOf({ to, port }) {
  return port in MARKERS ? `${boxId(to)}<${port}>` : null;
}

// One marker for every input that lines enter, upright however they arrive: as the figures have it.
function markersOf(lines, ways) {
  const inputs = new Map(lines.map((line, at) => [inputOf(line), { port: line.port, end: ways[at].points.at(-1) }]));
  inputs.delete(null);
  return [...inputs].map(([id, { port, end: [x, y] }]) => ({
    group: "nodes",
    data: { id, shape: MARKERS[port] },
    position: { x, y: y + MARKER / 2 },
    classes: `marker ${port}`,
    selectable: false,
  }));
}

// A group stands in a row of one of its nodes, near the mean of them all, and on no other box where there is room.
function groupBox(data, group, at, members, others) {
  const mean = (axis) => members.reduce((total, node) => total + data.nodes[node][axis], 0) / members.length;
  const label = `${group.name} (${members.length})`, width = Math.max(72, 9 * label.length + 22);
  const [wantedX, wantedY] = [mean("x"), mean("y")];
  const { y } = members.map((node) => data.nodes[node]).reduce((a, b) => (Math.abs(b.y - wantedY) < Math.abs(a.y - wantedY) ? b : a));
  const row = others.filter((other) => Math.abs(other.position("y") - y) < HEIGHT);
  const isFree = (x) => row.every((other) => Math.abs(other.position("x") - x) >= (other.data("width") + width) / 2 + 4);
  const steps = Array.from({ length: 200 }, (_, step) => (step % 2 ? -1 : 1) * 6 * Math.ceil(step / 2));
  const x = steps.map((step) => wantedX + step).find(isFree) ?? wantedX;
  return {
    group: "nodes",
    data: { id: `g${at}`, label, short: label, width, tip: label, selects: { group: at } },
    position: { x, y },
    classes: "box group",
  };
}

// The points of a line as cytoscape takes them: its ends from the middles of their boxes, and of every bend how far it
// is along the straight line between them, and how far to its side.
function bend({ points, source, target }, digits = 5) {
  const [[x0, y0], [x1, y1]] = [points[0], points.at(-1)];
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy || 1, length = Math.sqrt(squared);
  const inner = points.slice(1, -1).map(([x, y]) => [x - x0, y - y0]);
  return {
    from: `${(x0 - source.x).toFixed(2)}px ${y0 - source.y}px`,
    to: `${(x1 - target.x).toFixed(2)}px ${y1 - target.y}px`,
    weights: inner.map(([x, y]) => ((x * dx + y * dy) / squared).toFixed(digits)).join(" "),
    bends: inner.map(([x, y]) => ((x * -dy + y * dx) / length).toFixed(digits - 3)).join(" "),
  };
}

function tipOfNode(data, at) {
  const node = data.nodes[at];
  const scores = data.circuits.map((circuit, side) => {
    const own = node.circuits[side];
    const label = data.circuits.length > 1 ? `${circuit.label} ` : "";
    return own === null ? `${label}\u2013` : `${label}${signed(own.score)}`;
  });
  return `${node.name}${node.role ? `, ${node.role}` : ""}: ${scores.join(", ")}`;
}

function tipOfLine(data, line) {
  const name = line.isPlain ? data.names[line.edges[0]] : count(line.edges.length, "edge");
  return `${name}: ${data.circuits.map((_, at) => signed(summed(data, line.edges, at))).join(", ")}`;
}

function styleSheet(colors, isNarrow) {
  return [
    {
      selector: "node",
      style: {
        shape: "round-rectangle",
        height: HEIGHT,
        label: isNarrow ? "data(short)" : "data(label)",
        "font-family": "system-ui, sans-serif",
        "font-size": isNarrow ? 22 : 14,
        "text-valign": "center",
        "text-halign": "center",
        "min-zoomed-font-size": 5,
        "z-index": 10,
      },
    },
    { selector: "node[width]", style: { width: "data(width)" } },
    { selector: "node[fill]", style: { "background-color": "data(fill)", "border-color": "data(frame)", "border-width": "data(line)", "border-style": "data(border)", "border-dash-pattern": [2, 3], color: "data(text)" } },
    { selector: "node.group", style: { "background-color": colors.neutral, "border-color": colors.accent, "border-width": 2.4, "border-style": "double", color: colors.ink, "font-size": 14, "font-weight": "bold" } },
    { selector: "node.layer", style: { "background-opacity": 0, "border-width": 0, width: 24, color: colors.gray, "font-size": isNarrow ? 22 : 12, events: "no" } },
    { selector: "node.marker", style: { shape: "data(shape)", label: "", width: MARKER, height: MARKER, "border-color": colors.ink, "border-width": 1, "z-index": 11, events: "no" } },
    ...[["q", colors.ink], ["k", colors.paper], ["v", colors.pale]].map(([port, fill]) => ({ selector: `node.marker.${port}`, style: { "background-color": fill } })),
    {
      selector: "edge",
      style: {
        "curve-style": "unbundled-bezier",
        "edge-distances": "endpoints",
        "control-point-weights": "data(weights)",
        "control-point-distances": "data(bends)",
        "source-endpoint": "data(from)",
        "target-endpoint": "data(to)",
        "line-color": "data(color)",
        "line-style": "data(dash)",
        "line-dash-pattern": "data(pattern)",
        width: "data(width)",
        "z-index": 1,
      },
    },
    { selector: ".hidden", style: { display: "none" } },
    { selector: ".far", style: { opacity: 0.17 } },
    { selector: "node.chosen", style: { "outline-width": 3, "outline-color": colors.accent, "outline-offset": 2 } },
    { selector: "edge.chosen", style: { "line-color": colors.ink, width: 5, "z-index": 5 } },
  ];
}
