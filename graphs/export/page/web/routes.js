// How lines lead from box to box: around the boxes that they pass, by the rule of the figures. Per reader, a shortest
// path over a grid across every row, whose cells under boxes are closed and whose cells in use by other readers cost
// extra, so that readers get their own lanes. Lines into one reader may run together. Among thousands the weaker lines
// lead straight on, so that the page stays quick.

export const HEIGHT = 28; // of a box, in pixels of the layout
export const BESIDE = 18; // room for lines beside the outermost boxes
const CELL = 6, MOST_CELLS = 300; // pixels of a cell; of a wide drawing they are larger
const CLEARANCE = 10; // between a passing line and a box
const CROWDING = 270; // cost of a cell for every other reader already led through it, in square pixels; half as much beside it
const MOST_LED = 1000; // lines, the strongest, that are led around boxes
const CLOSED = 1e12; // cost of a cell under a box: passable only where a row is full
const AROUND = 16; // how far a line that leads down goes up at first, and comes up at last
const UPRIGHT = HEIGHT / 2 + 7; // how far a passing line goes straight up, from the middle of a row

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
    this.costs = this.levels.map((level) => {
      const near = boxes.filter(({ y, isBar }) => !isBar && Math.abs(y - level) < HEIGHT + CLEARANCE);
      return this.grid.map((at) => (near.some(({ x, width }) => Math.abs(at - x) < width / 2 + CLEARANCE) ? CLOSED : 0));
    });
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

// Lines leave a box upwards, go straight up beside the boxes that they pass, and arrive from below. Between groups, whose
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
  const passed = xs.slice(1, -1).flatMap((x, at) => {
    const [below, y, above] = [-1, 0, 1].map((step) => levels[first + at + step]);
    return [[x, y + Math.min(UPRIGHT, (below - y) / 2)], [x, y], [x, y - Math.min(UPRIGHT, (y - above) / 2)]];
  });
  const [low, high] = [passed[0] ?? end, passed.at(-1) ?? start];
  const leave = [start[0], start[1] - reach(start, low)], arrive = [end[0], end[1] + reach(high, end)];
  const points = [start, leave, ...passed, arrive, end];
  // A point amid points straight below and above bends nothing.
  const isStraight = (at) => points.slice(Math.max(0, at - 2), at + 3).every(([x]) => x === points[at][0]);
  const inner = points.filter((_, at) => at > 0 && at < points.length - 1 && !isStraight(at));
  return [start, ...(inner.length ? inner : [leave]), end];
}

function reach([, below], [, above]) {
  return Math.max(0, 0.45 * (below - above));
}
