// How lines lead from box to box: around the boxes that they pass, by the rule of the figures. Per reader, a shortest
// path over a grid across every row, whose cells under boxes are closed and whose cells in use by other lines cost
// extra, tells between which boxes each line passes. There every line has a lane of its own (lanes.js), and is then
// pulled taut: it bends only where it would come nearer to a box or to another line than its lane is. Among thousands
// the weaker lines lead straight on, so that the page stays quick.
import { lanes, nearest, taut } from "./lanes.js";

export const HEIGHT = 28; // of a box, in pixels of the layout
export const BESIDE = 18; // room for lines beside the outermost boxes
const CELL = 6, MOST_CELLS = 300; // pixels of a cell; of a wide drawing they are larger
const CLEARANCE = 6, NARROW = 0.25; // between a passing line and a box: at most this share of the gap between two
const LEAST_GAP = 8; // between boxes that a line may pass
const APART = 7, LEAST_APART = 3; // of neighboring lanes: nearly twice the width of the strongest line, or less in a full gap
const CROWDING = 270; // cost of a gap that half of its lanes lead through already, in square pixels, and of a cell in use
const OVERFULL = 4000, FULL = 1e5; // cost of a gap for every line more than it has lanes, and than it has the narrowest lanes
const MOST_LED = 500; // lines, the strongest, that are led around boxes
const CLOSED = 1e12; // cost of a cell under a box: passable only where a row is full
const AROUND = 16; // how far a line that leads down goes up at first, and comes up at last
const BEYOND = HEIGHT / 2 + 7; // how far from the middle of a row a passing line keeps to its lane, up and down
const CUT = 5; // how far a curve may leave the corner of its line, less than CLEARANCE
const CORNER = 24; // how far at most a line that passes rows goes straight up from its box, and into its end
const FAN = 0.7; // the share of a box over which lines that end there spread, where it has no marker in which they meet
const STRAIGHT = 0.01; // a corner turned by less, in radians, bends nothing

// Of every line the points that bend it: [start, ...control points, end], each [x, y]. A box is {id, x, y, width, isBar},
// a line {from, to, port, inset, strength}: `inset` is where it arrives, from the middle of its box.
export function routes(boxes, lines) {
  const router = new Router(boxes);
  const order = lines.map((_, at) => at).sort((a, b) => lines[b].strength - lines[a].strength);
  const strongest = order.slice(0, MOST_LED);
  const led = new Map(router.lead(strongest.map((at) => lines[at])).map((way, at) => [strongest[at], way]));
  return lines.map((line, at) => bends(router, line, led.get(at) ?? router.straight(line)));
}

class Router {
  constructor(boxes) {
    this.boxes = new Map(boxes.map((box) => [box.id, box]));
    this.levels = [...new Set(boxes.map(({ y }) => y))].sort((a, b) => b - a);
    this.levelOf = new Map(this.levels.map((y, at) => [y, at]));
    const left = Math.min(...boxes.map(({ x, width }) => x - width / 2)) - BESIDE;
    const right = Math.max(...boxes.map(({ x, width }) => x + width / 2)) + BESIDE;
    const cell = Math.max(CELL, (right - left) / MOST_CELLS);
    this.grid = Float64Array.from({ length: Math.floor((right - left) / cell) }, (_, at) => left + (at + 0.5) * cell);
    this.cell = cell;
    this.gaps = this.levels.map((level) => gapsOf(boxes.filter(({ y }) => Math.abs(y - level) < HEIGHT + CLEARANCE), left, right));
    this.gapOf = this.gaps.map((gaps) => Array.from(this.grid, (at) => nearest(gaps, at)));
    // A gap narrower than a cell has one, too.
    const isOpen = ([low, high], at) => low - cell / 2 <= at && at <= high + cell / 2;
    this.costs = this.gapOf.map((own) => this.grid.map((at, number) => (isOpen(own[number], at) ? 0 : CLOSED)));
    this.passing = new Map(this.gaps.flat().map((gap) => [gap, 0]));
  }

  // Where every line leads: its ends, and between them the gates of its lane.
  lead(lines) {
    const readers = new Map();
    lines.forEach((line, at) => {
      const key = this.boxes.get(line.to).isBar ? `${at}` : `${line.to}<${line.port ?? ""}`;
      if (!readers.has(key)) readers.set(key, []);
      readers.get(key).push(at);
    });
    const strongest = (own) => Math.max(...own.map((at) => lines[at].strength));
    const passed = [];
    for (const own of [...readers.values()].sort((a, b) => strongest(b) - strongest(a))) {
      this.#toReader(own.map((at) => lines[at])).forEach((xs, at) => { passed[own[at]] = xs; });
    }
    return this.#inLanes(lines, passed);
  }

  #inLanes(lines, passed) {
    const isUp = ({ from, to }) => this.boxes.get(from).y > this.boxes.get(to).y;
    const led = lines.flatMap((line, at) => (isUp(line) ? [at] : []));
    const ways = led.map((at) => {
      const { from, to, port } = lines[at], [source, target] = [from, to].map((id) => this.boxes.get(id));
      const width = target.isBar || port ? 0 : FAN * target.width;
      return { first: this.levelOf.get(source.y), xs: passed[at], isFree: [source.isBar, target.isBar], width };
    });
    const rows = this.gaps.map((gaps, at) => ({ gaps, ...this.#sides(at) }));
    const { places, gates } = lanes(ways, rows, APART);
    ways.forEach(({ first }, way) => places[way].forEach((x, place) => this.#occupy(first + Math.floor((place + 1) / 2), x)));
    const found = lines.map((line) => this.straight(line));
    led.forEach((at, way) => { found[at] = { start: places[way][0], gates: gates[way], end: places[way].at(-1) }; });
    return found;
  }

  // How far up and down from its middle lines keep to their lanes in a row.
  #sides(row) {
    const y = this.levels[row], [below, above] = [this.levels[row - 1] ?? Infinity, this.levels[row + 1] ?? -Infinity];
    return { below: y + Math.min(BEYOND, 0.4 * (below - y)), above: y - Math.min(BEYOND, 0.4 * (y - above)) };
  }

  straight({ from, to, inset }) {
    const [source, target] = [this.boxes.get(from), this.boxes.get(to)];
    const end = target.isBar ? within(target, source.x) : target.x + inset;
    return { start: source.isBar ? within(source, end) : source.x, gates: [], end };
  }

  // Where a line that leads down, or along a row, passes the rows of its ends and between them: beside their boxes, as
  // near to its end as there is room.
  beside({ from, to }, end) {
    const rows = [from, to].map((id) => this.levelOf.get(this.boxes.get(id).y));
    const costs = this.costs.slice(Math.min(...rows), Math.max(...rows) + 1);
    const cost = (cell) => costs.reduce((total, row) => total + row[cell], (this.grid[cell] - end) ** 2);
    let best = 0;
    for (let cell = 1; cell < this.grid.length; cell += 1) if (cost(cell) < cost(best)) best = cell;
    for (let row = Math.min(...rows); row <= Math.max(...rows); row += 1) this.#occupy(row, this.grid[best]);
    return this.grid[best];
  }

  #toReader(lines) {
    const target = this.boxes.get(lines[0].to), end = this.levelOf.get(target.y);
    const starts = lines.map(({ from }) => this.levelOf.get(this.boxes.get(from).y));
    const tables = () => this.#tables(target, target.x + lines[0].inset, end, Math.min(...starts));
    let onwards = tables();
    return lines.map((line, at) => {
      const source = this.boxes.get(line.from), between = [];
      for (let row = starts[at] + 1; row < end; row += 1) {
        const before = between.length ? this.grid[between.at(-1)] : source.isBar ? null : source.x;
        between.push(this.#nearest(onwards.get(row), before));
      }
      if (!between.length) {
        const { start, end: last } = this.straight(line);
        return [start, last];
      }
      const areFull = between.map((cell, number) => this.#pass(starts[at] + 1 + number, cell));
      if (areFull.some(Boolean)) onwards = tables();
      const xs = between.map((cell) => this.grid[cell]);
      const last = target.isBar ? within(target, xs.at(-1)) : target.x + line.inset;
      return [source.isBar ? within(source, xs[0]) : source.x, ...xs, last];
    });
  }

  // One more line leads through the gap of a cell, which makes it dearer for the next; whether it became full.
  #pass(row, cell) {
    const gap = this.gapOf[row][cell], n = this.passing.get(gap) + 1;
    const [most, atAll] = [APART, LEAST_APART].map((apart) => 1 + Math.floor((gap[1] - gap[0]) / apart));
    this.passing.set(gap, n);
    const more = (2 * CROWDING) / most + (n >= most ? OVERFULL : 0) + (n >= atAll ? FULL : 0);
    const costs = this.costs[row], own = this.gapOf[row];
    for (let at = own.indexOf(gap); own[at] === gap; at += 1) costs[at] += more;
    return n === most || n === atAll;
  }

  // A line stands here, beside which another one should.
  #occupy(row, x) {
    const costs = this.costs[row], first = Math.ceil((x - APART - this.grid[0]) / this.cell);
    for (let at = Math.max(0, first); at < costs.length && this.grid[at] < x + APART; at += 1) costs[at] += CROWDING;
  }

  // Per row, the cost of the cheapest way from each of its cells to the reader.
  #tables(target, end, row, lowest) {
    const tables = new Map();
    let onwards = this.grid.map((at) => (at - (target.isBar ? within(target, at) : end)) ** 2);
    for (let at = row - 1; at > lowest; at -= 1) {
      const table = onwards.map((cost, cell) => cost + this.costs[at][cell]);
      tables.set(at, table);
      onwards = cheapest(table, this.cell);
    }
    return tables;
  }

  // The cell of a row from which the way on is cheapest, with the move to it: its squared length.
  #nearest(table, before) {
    let best = 0, least = Infinity;
    for (let at = 0; at < table.length; at += 1) {
      const cost = table[at] + (before === null ? 0 : (this.grid[at] - before) ** 2);
      if (cost < least) [best, least] = [at, cost];
    }
    return best;
  }
}

function within({ x, width }, at) {
  return Math.max(x - width / 2, Math.min(x + width / 2, at));
}

// min over j of costs[j] + (cell * (i - j))^2, for every i: the lower envelope of parabolas (Felzenszwalb and
// Huttenlocher 2012), in time linear in the number of cells.
export function cheapest(costs, cell) {
  const scale = cell * cell, tops = [0], from = [-Infinity];
  const meet = (i, j) => (costs[i] - costs[j] + scale * (i * i - j * j)) / (2 * scale * (i - j));
  for (let at = 1; at < costs.length; at += 1) {
    while (meet(at, tops.at(-1)) <= from.at(-1)) {
      tops.pop();
      from.pop();
    }
    from.push(meet(at, tops.at(-1)));
    tops.push(at);
  }
  let top = 0;
  return costs.map((_, at) => {
    while (top + 1 < tops.length && from[top + 1] < at) top += 1;
    return costs[tops[top]] + scale * (at - tops[top]) ** 2;
  });
}

// Lines leave a box upwards, pass the boxes on their way, and arrive from below. Between groups, whose
// boxes stand in one of several rows, some lead down: they too leave upwards and arrive from below.
function bends(router, { from, to }, { start: startX, gates, end: endX }) {
  const [source, target] = [router.boxes.get(from), router.boxes.get(to)];
  const start = [startX, source.y - HEIGHT / 2], end = [endX, target.y + HEIGHT / 2];
  if (source.y <= target.y) {
    const x = router.beside({ from, to }, end[0]), [above, below] = [start[1] - AROUND, end[1] + AROUND];
    // Points close to the corners keep the curve away from the boxes beside them.
    const [before, after] = [start[0], end[0]].map((at) => x + Math.sign(at - x) * Math.min(CLEARANCE, Math.abs(at - x) / 2));
    return [start, [start[0], above], [before, above], [x, above], [x, below], [after, below], [end[0], below], end];
  }
  const [low, high] = [gates[0]?.y ?? end[1], gates.at(-1)?.y ?? start[1]];
  const most = gates.length ? CORNER : Infinity;
  const leave = [start[0], start[1] - Math.min(most, reach(start[1], low))], arrive = [end[0], end[1] + Math.min(most, reach(high, end[1]))];
  // Between neighboring rows nothing is in the way of a curve that swings.
  const inner = gates.length ? rounded([start, ...taut(leave, gates, arrive), end]) : leave[0] === arrive[0] ? [] : [leave, arrive];
  return [start, ...(inner.length ? inner : [leave]), end];
}

function reach(below, above) {
  return Math.max(0, 0.45 * (below - above));
}

// The control points of a curve that follows these points and rounds their corners: pieces of it meet amid control
// points, so two more beside a corner, closer where it is sharper, keep the curve near it.
function rounded(points) {
  const corners = points.filter((point, at) => at === 0 || at === points.length - 1 || turned(points[at - 1], point, points[at + 1]) > STRAIGHT);
  return corners.slice(1, -1).flatMap((corner, at) => {
    const [before, after] = [corners[at], corners[at + 2]];
    const far = (4 * CUT) / Math.sin(turned(before, corner, after) / 2);
    return [towards(corner, before, far), corner, towards(corner, after, far)];
  });
}

function turned([x0, y0], [x1, y1], [x2, y2]) {
  const angle = Math.abs(Math.atan2(y2 - y1, x2 - x1) - Math.atan2(y1 - y0, x1 - x0));
  return Math.min(angle, 2 * Math.PI - angle);
}

function towards([x, y], [toX, toY], far) {
  const share = Math.min(0.5, far / Math.hypot(toX - x, toY - y));
  return [x + share * (toX - x), y + share * (toY - y)];
}

// Where lines may pass a row, each [low, high]: along a bar, or between boxes and beside them; anywhere in a full row.
function gapsOf(boxes, left, right) {
  const bar = boxes.find(({ isBar }) => isBar);
  if (bar) return [[bar.x - bar.width / 2 + CLEARANCE, bar.x + bar.width / 2 - CLEARANCE]];
  const edges = boxes.map(({ x, width }) => [x - width / 2, x + width / 2]).sort(([a], [b]) => a - b);
  const gaps = [];
  let last = left - CLEARANCE;
  for (const [low, high] of [...edges, [right + CLEARANCE, Infinity]]) {
    const clearance = Math.min(CLEARANCE, NARROW * (low - last));
    if (low - last >= LEAST_GAP) gaps.push([last + clearance, low - clearance]);
    last = Math.max(last, high);
  }
  return gaps.length ? gaps : [[left, right]];
}
