// How lines lead from box to box: around the boxes that they pass, by the rule of the figures. Per reader, a shortest
// path over a grid across every row, whose cells under boxes are closed and whose cells in use by other readers cost
// extra, so that readers get their own lanes. Lines into one reader may run together. Every line is then pulled taut:
// it bends only where it would come nearer to a box than its lane is. Among thousands the weaker lines lead straight
// on, so that the page stays quick.

export const HEIGHT = 28; // of a box, in pixels of the layout
export const BESIDE = 18; // room for lines beside the outermost boxes
const CELL = 6, MOST_CELLS = 300; // pixels of a cell; of a wide drawing they are larger
const CLEARANCE = 10; // between a passing line and a box
const CROWDING = 270; // cost of a cell for every other reader already led through it, in square pixels; half as much beside it
const MOST_LED = 1000; // lines, the strongest, that are led around boxes
const CLOSED = 1e12; // cost of a cell under a box: passable only where a row is full
const AROUND = 16; // how far a line that leads down goes up at first, and comes up at last
const BEYOND = HEIGHT / 2 + 7; // how far from the middle of a row a passing line keeps to its lane, up and down
const KEPT = 0.75; // the share of its way from a box that a taut line keeps: lanes stay apart, and lines have play
const CUT = 5; // how far a curve may leave the corner of its line, less than CLEARANCE
const CORNER = 24; // how far at most a line that passes rows goes straight up from its box, and into its end
const STRAIGHT = 0.01; // a corner turned by less, in radians, bends nothing

// Of every line the points that bend it: [start, ...control points, end], each [x, y]. A box is {id, x, y, width, isBar},
// a line {from, to, port, inset, strength}: `inset` is where it arrives, from the middle of its box.
export function routes(boxes, lines) {
  const router = new Router(boxes);
  const order = lines.map((_, at) => at).sort((a, b) => lines[b].strength - lines[a].strength);
  const strongest = order.slice(0, MOST_LED);
  const passed = new Map(router.lead(strongest.map((at) => lines[at])).map((xs, at) => [strongest[at], xs]));
  return lines.map((line, at) => bends(router, line, passed.get(at) ?? router.straight(line)));
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
    this.rows = this.levels.map((level) => boxes.filter(({ y, isBar }) => !isBar && Math.abs(y - level) < HEIGHT + CLEARANCE));
    this.costs = this.rows.map((row) => this.grid.map((at) => (row.some((box) => isNear(box, at)) ? CLOSED : 0)));
  }

  // Where every line passes the rows between its ends: [first x, of every row passed, last x].
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
    return passed;
  }

  // How far to either side a line that passes a row at `x` may move: from the box nearest to it, it keeps its distance.
  room(row, x) {
    const boxes = this.rows[row];
    if (boxes.some((box) => isNear(box, x))) return [x, x];
    const edges = (side) => boxes.map((box) => box.x + (side * box.width) / 2);
    const low = Math.max(...edges(1).filter((edge) => edge < x)), high = Math.min(...edges(-1).filter((edge) => edge > x));
    const kept = (gap) => CLEARANCE + KEPT * (gap - CLEARANCE);
    if (x - low < high - x) return [low + kept(x - low), Math.max(x, high - CLEARANCE)];
    return [Math.min(x, low + CLEARANCE), high - kept(high - x)];
  }

  straight({ from, to, inset }) {
    const [source, target] = [this.boxes.get(from), this.boxes.get(to)];
    const end = target.isBar ? within(target, source.x) : target.x + inset;
    return [source.isBar ? within(source, end) : source.x, end];
  }

  // Where a line that leads down, or along a row, passes the rows of its ends and between them: beside their boxes, as
  // near to its end as there is room.
  beside({ from, to }, end) {
    const rows = [from, to].map((id) => this.levelOf.get(this.boxes.get(id).y));
    const costs = this.costs.slice(Math.min(...rows), Math.max(...rows) + 1);
    const cost = (cell) => costs.reduce((total, row) => total + row[cell], (this.grid[cell] - end) ** 2);
    let best = 0;
    for (let cell = 1; cell < this.grid.length; cell += 1) if (cost(cell) < cost(best)) best = cell;
    return this.grid[best];
  }

  #toReader(lines) {
    const target = this.boxes.get(lines[0].to), end = this.levelOf.get(target.y);
    const starts = lines.map(({ from }) => this.levelOf.get(this.boxes.get(from).y));
    const onwards = this.#tables(target, target.x + lines[0].inset, end, Math.min(...starts));
    const used = new Set();
    const all = lines.map(({ from, inset }, at) => {
      const source = this.boxes.get(from), between = [];
      for (let row = starts[at] + 1; row < end; row += 1) {
        const before = between.length ? this.grid[between.at(-1)] : source.isBar ? null : source.x;
        const cell = this.#nearest(onwards.get(row), before);
        between.push(cell);
        used.add(row * this.grid.length + cell);
      }
      if (!between.length) return this.straight(lines[at]);
      const xs = between.map((cell) => this.grid[cell]);
      const last = target.isBar ? within(target, xs.at(-1)) : target.x + inset;
      return [source.isBar ? within(source, xs[0]) : source.x, ...xs, last];
    });
    for (const place of used) this.#occupy(this.costs[Math.floor(place / this.grid.length)], place % this.grid.length);
    return all;
  }

  #occupy(costs, cell) {
    for (const [at, share] of [[cell - 1, 0.5], [cell, 1], [cell + 1, 0.5]]) {
      if (at >= 0 && at < costs.length) costs[at] += share * CROWDING;
    }
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
function bends(router, { from, to }, xs) {
  const [source, target] = [router.boxes.get(from), router.boxes.get(to)];
  const start = [xs[0], source.y - HEIGHT / 2], end = [xs.at(-1), target.y + HEIGHT / 2];
  if (source.y <= target.y) {
    const x = router.beside({ from, to }, end[0]), [above, below] = [start[1] - AROUND, end[1] + AROUND];
    // Points close to the corners keep the curve away from the boxes beside them.
    const [before, after] = [start[0], end[0]].map((at) => x + Math.sign(at - x) * Math.min(CLEARANCE, Math.abs(at - x) / 2));
    return [start, [start[0], above], [before, above], [x, above], [x, below], [after, below], [end[0], below], end];
  }
  const first = router.levelOf.get(source.y) + 1, { levels } = router;
  const gates = xs.slice(1, -1).flatMap((x, at) => {
    const [below, y, above] = [-1, 0, 1].map((step) => levels[first + at + step]);
    const [low, high] = router.room(first + at, x);
    return [y + Math.min(BEYOND, 0.4 * (below - y)), y - Math.min(BEYOND, 0.4 * (y - above))].map((level) => ({ y: level, low, high }));
  });
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

// The shortest way up from one point to another through gates, each open from `low` to `high`, in the order of their
// heights: it bends only at their ends.
export function taut(start, gates, end) {
  const points = [start], all = [...gates, { y: end[1], low: end[0], high: end[0] }];
  let next = 0;
  while (next < all.length) {
    const [x, y] = points.at(-1);
    // The slopes, across by up, that pass all gates so far, and which gates set them.
    let least = -Infinity, most = Infinity, atLeast = next, atMost = next, turn = null;
    for (let at = next; at < all.length && turn === null; at += 1) {
      const gate = all[at], low = (gate.low - x) / (y - gate.y), high = (gate.high - x) / (y - gate.y);
      if (low > most) turn = [atMost, all[atMost].high];
      else if (high < least) turn = [atLeast, all[atLeast].low];
      if (low >= least) [least, atLeast] = [low, at];
      if (high <= most) [most, atMost] = [high, at];
    }
    const [at, bend] = turn ?? [all.length - 1, end[0]];
    points.push([bend, all[at].y]);
    next = at + 1;
  }
  return points;
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

function isNear({ x, width }, at) {
  return Math.abs(at - x) < width / 2 + CLEARANCE;
}
