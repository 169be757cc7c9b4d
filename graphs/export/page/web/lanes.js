// Lanes: lines that pass a row through the same gap between its boxes stand there side by side, apart from one another,
// as the figures have it (graphs/figures/layered/lanes.py, which gives the same places for the same ways).
//
// Each line by itself would lead taut through its gaps. The order of lines in a gap is that of their taut ways; where
// these are nearer than lanes, as at the corner of a box, it is the order in which they come from below, and of lines
// that come from one place that in which they part: so two lines cross only where they must. In that order, and so far
// apart, they stand where all of them lead as straight on as they can: the sum of their squared slopes falls row by row,
// where the best places of a row, given those of its neighbors, are an isotonic regression.

const SWEEPS = 24; // over all rows, up and down
const MOST_ABREAST = 8; // lanes: lines in a gap take no more room, as of more a bundle says more than a comb
const LEAST = 3; // pixels between neighbors where lanes are as wide
const STRIDE = 1.7; // how far a row goes beyond its best places: sweeps then settle sooner (successive over-relaxation)
const PLAY = 2.5; // how much nearer to one another than their lanes two lines may come, where that leads straighter on

// Where every line stands: at its start, below and above every row that it passes, and at its end; and between its ends
// the gates in which it may move and still keep its lane, each {y, low, high}.
//
// A way is {first, xs, isFree, width}: the row of its source; a place at its source, at every row that it passes, and at
// its target; whether each end may stand anywhere in its row, as along a bar; and the width over which lines with the
// same end may spread there, 0 where they meet. A row is {below, above, gaps}: its heights, falling upwards, and its
// gaps, each [low, high], from left to right. Lanes are `apart`, or less where a gap is too narrow or has many of them.
export function lanes(ways, rows, apart) {
  const taken = ways.map(({ first, xs }) => xs.map((x, at) => nearest(rows[first + at].gaps, x)));
  const places = ways.map((way, at) => alone(way, taken[at], rows));
  const { gaps, ends } = ordered(ways, taken, places, rows.length, apart);
  for (const own of ends) fan(own, ways, places, apart);
  const stands = gaps.flatMap(({ row, gap: [low, high], lines }) => {
    const sides = [0, 1].filter((side) => isPlace(ways[lines[0]], row, side));
    const step = Math.min(apart, Math.min(high - low, (MOST_ABREAST - 1) * apart) / Math.max(1, lines.length - 1));
    return sides.map((side) => ({ row, side, low, high, lines, apart: step }));
  });
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const stand of sweep % 2 ? [...stands].reverse() : stands) straighten(stand, ways, places, rows);
  }
  return { places, gates: gatesOf(stands, ways, places, rows) };
}

// The number of a place among those of a way: below (side 0) or above (side 1) a row.
function placeOf({ first }, row, side) {
  return 2 * (row - first) - 1 + side;
}

function isPlace(way, row, side) {
  const at = placeOf(way, row, side);
  return at >= 0 && at < 2 * (way.xs.length - 1);
}

function heightOf({ first }, place, rows) {
  const { below, above } = rows[first + Math.floor((place + 1) / 2)];
  return place % 2 ? below : above;
}

// The gap that a place is in, or nearest to.
export function nearest(gaps, x) {
  const outside = ([low, high]) => Math.max(low - x, x - high, 0);
  return gaps.reduce((best, gap) => (outside(gap) < outside(best) ? gap : best));
}

// The places of a line that is alone.
function alone(way, taken, rows) {
  const { xs } = way, n = 2 * (xs.length - 1), heights = Array.from({ length: n }, (_, place) => heightOf(way, place, rows));
  const gates = heights.slice(1, -1).map((y, at) => ({ y, low: taken[1 + Math.floor(at / 2)][0], high: taken[1 + Math.floor(at / 2)][1] }));
  const bends = taut([xs[0], heights[0]], gates, [xs.at(-1), heights.at(-1)]);
  let next = 1;
  return heights.map((y) => {
    while (next < bends.length - 1 && bends[next][1] > y) next += 1;
    const [[x0, y0], [x1, y1]] = [bends[next - 1], bends[next]];
    return x0 + ((x1 - x0) * (y0 - y)) / (y0 - y1);
  });
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

// The lines of every gap from left to right, the gaps row by row; and those that end in one place.
function ordered(ways, taken, places, n, apart) {
  const last = ways.map(({ first, xs }) => first + xs.length - 1);
  const isEnd = (at, row) => (row === ways[at].first && !ways[at].isFree[0]) || (row === last[at] && !ways[at].isFree[1]);
  const gapAt = (at, row) => taken[at][row - ways[at].first];
  // Per row its lines with where they stand, and of those in one gap that are nearer than lanes one number.
  const crossing = Array.from({ length: n }, () => []);
  ways.forEach(({ first }, at) => { for (let row = first; row <= last[at]; row += 1) crossing[row].push(at); });
  const present = crossing.map((lines, row) => {
    const xs = lines.map((at) => {
      const [low, high] = [0, 1].filter((side) => isPlace(ways[at], row, side)).map((side) => places[at][placeOf(ways[at], row, side)]);
      return isEnd(at, row) ? [at, ways[at].xs[row - ways[at].first], low] : [at, gapAt(at, row)[0], (low + (high ?? low)) / 2];
    }).sort(byAll);
    let touching = 0;
    return xs.map(([at, key, x], number) => {
      if (number && (key !== xs[number - 1][1] || x - xs[number - 1][2] > apart)) touching += 1;
      return [at, touching];
    });
  });
  // How lines that come from one place part, found from the top; then how all come from below.
  const parting = ways.map(() => 0), coming = ways.map(() => -1);
  for (let row = n - 1; row > 0; row -= 1) {
    const own = present[row].filter(([at]) => ways[at].first < row);
    const ranks = own.map(([at, touching]) => [at, touching, last[at] === row ? -1 : parting[at]]).sort(byAll);
    ranks.forEach(([at], rank) => { parting[at] = rank; });
  }
  const gaps = [], ends = [];
  for (let row = 0; row < n; row += 1) {
    const ranks = present[row].map(([at, touching]) => [at, touching, coming[at], parting[at]]).sort(byAll);
    const passing = new Map(), meeting = new Map();
    for (const [at] of ranks) {
      if (!isEnd(at, row)) add(passing, gapAt(at, row), at);
      else if (last[at] === row && ways[at].width) add(meeting, ways[at].xs.at(-1), at);
    }
    gaps.push(...[...passing].map(([gap, lines]) => ({ row, gap, lines })));
    ends.push(...meeting.values());
    ranks.forEach(([at], rank) => { coming[at] = rank; });
  }
  return { gaps, ends };
}

function add(lists, key, value) {
  if (!lists.has(key)) lists.set(key, []);
  lists.get(key).push(value);
}

// Rows of numbers by the second, then by the third, and so on; by the first at last.
function byAll(a, b) {
  for (let at = 1; at < a.length; at += 1) if (a[at] !== b[at]) return a[at] - b[at];
  return a[0] - b[0];
}

// Lines that end in one place end side by side, so far as there is width.
function fan(lines, ways, places, apart) {
  const step = Math.min(apart, ways[lines[0]].width / Math.max(1, lines.length - 1));
  lines.forEach((at, number) => { places[at][places[at].length - 1] += step * (number - (lines.length - 1) / 2); });
}

// The lines of a gap towards where they lead as straight on as they can from the places before them to those after.
function straighten({ row, side, low, high, lines, apart }, ways, places, rows) {
  const wanted = lines.map((at, number) => {
    const own = places[at], here = placeOf(ways[at], row, side);
    return own[here] + STRIDE * (between(own, here, row, side, rows) - own[here]) - number * apart;
  });
  const room = high - apart * (lines.length - 1);
  rising(wanted).forEach((x, number) => {
    places[lines[number]][placeOf(ways[lines[number]], row, side)] = Math.max(low, Math.min(room, x)) + number * apart;
  });
}

function between(own, here, row, side, rows) {
  if (here === 0) return own[1];
  if (here === own.length - 1) return own[here - 1];
  const y = side ? rows[row].above : rows[row].below;
  const before = side ? rows[row].below : rows[row - 1].above, after = side ? rows[row + 1].below : rows[row].above;
  return (own[here - 1] * (after - y) + own[here + 1] * (y - before)) / (after - before);
}

// The numbers that never fall and are nearest to these (least squares): pooled adjacent violators.
export function rising(values) {
  const means = [], counts = [];
  for (const value of values) {
    let mean = value, count = 1;
    while (means.length && means.at(-1) >= mean) {
      const [other, n] = [means.pop(), counts.pop()];
      mean = (mean * count + other * n) / (count + n);
      count += n;
    }
    means.push(mean);
    counts.push(count);
  }
  return means.flatMap((mean, at) => Array(counts[at]).fill(mean));
}

// Half of the room between neighbors in a gap is each one's, and all of it beside the outermost.
function gatesOf(stands, ways, places, rows) {
  const gates = places.map((own) => Array(own.length - 2));
  for (const { row, side, low, high, lines, apart } of stands) {
    const xs = lines.map((at) => places[at][placeOf(ways[at], row, side)]);
    lines.forEach((at, number) => {
      const place = placeOf(ways[at], row, side), x = xs[number];
      if (place === 0 || place === places[at].length - 1) return;
      const kept = Math.min(apart, Math.max(apart - PLAY, LEAST));
      const least = number ? (xs[number - 1] + x + kept) / 2 : low;
      const most = number + 1 < lines.length ? (x + xs[number + 1] - kept) / 2 : high;
      gates[at][place - 1] = { y: heightOf(ways[at], place, rows), low: Math.min(least, x), high: Math.max(most, x) };
    });
  }
  return gates;
}
