// @ts-check
/** Where sectors lie in the plane: from longitude and latitude or from metres; where nobody has said, on a grid by site. */

const EARTH_M = 111320;

/**
 * @typedef {{dn: string[], site: (string | null)[], azimuth_deg: (number | null)[], x: (number | null)[], y: (number | null)[],
 *   frame: string | null}} Layout
 */

export class Sectors {
  /** @param {Layout} layout */
  constructor(layout) {
    const count = layout.dn.length;
    this.names = layout.dn;
    this.place = new Map(layout.dn.map((name, at) => [name, at]));
    this.x = new Float64Array(count);
    this.y = new Float64Array(count);
    this.azimuth = Float64Array.from(layout.azimuth_deg, (each) => (each === null ? NaN : each));
    this.placed = layout.frame !== null;
    this.project(layout);
    this.radius = this.spacing() * 0.45;
  }

  /** @param {Layout} layout */
  project(layout) {
    const known = layout.y.filter((each) => each !== null);
    const middle = known.reduce((sum, each) => sum + /** @type {number} */ (each), 0) / Math.max(known.length, 1);
    const geographic = layout.frame === "geographic";
    const across = geographic ? EARTH_M * Math.cos((middle * Math.PI) / 180) : 1;
    const up = geographic ? EARTH_M : 1;
    /** @type {number[]} */
    const lost = [];
    layout.dn.forEach((_, at) => {
      const [x, y] = [layout.x[at], layout.y[at]];
      if (x === null || y === null) lost.push(at);
      else [this.x[at], this.y[at]] = [x * across, -y * up];
    });
    this.grid(layout, lost);
  }

  /** @param {Layout} layout @param {number[]} lost Cells without a place. */
  grid(layout, lost) {
    if (!lost.length) return;
    /** @type {Map<string, number[]>} */
    const groups = new Map();
    for (const at of lost) {
      const name = layout.site[at] ?? layout.dn[at].split(",").slice(0, -2).join(",");
      groups.set(name, [...(groups.get(name) ?? []), at]);
    }
    const placed = layout.dn.length - lost.length;
    const left = placed ? this.extent(lost) : { x: 0, y: 0, step: 1000 };
    const columns = Math.ceil(Math.sqrt(groups.size * 1.6));
    [...groups.values()].forEach((members, group) => {
      members.forEach((at, number) => {
        this.x[at] = left.x + (group % columns) * left.step;
        this.y[at] = left.y + Math.floor(group / columns) * left.step;
        if (Number.isNaN(this.azimuth[at])) this.azimuth[at] = (number * 360) / members.length;
      });
    });
  }

  /** Below what has a place. @param {number[]} lost */
  extent(lost) {
    const without = new Set(lost);
    const rest = this.names.map((_, at) => at).filter((at) => !without.has(at));
    const xs = rest.map((at) => this.x[at]);
    const ys = rest.map((at) => this.y[at]);
    const [low, high, bottom] = [least(xs), -least(xs.map((x) => -x)), -least(ys.map((y) => -y))];
    const step = Math.max((high - low) / 40, 1);
    return { x: low, y: bottom + 2 * step, step };
  }

  /** Median distance from a site to the nearest other, of a sample. */
  spacing() {
    /** @type {Map<string, number>} */
    const sites = new Map();
    this.x.forEach((x, at) => sites.set(`${x.toFixed(1)} ${this.y[at].toFixed(1)}`, at));
    const all = [...sites.values()];
    const sample = all.filter((_, at) => at % Math.ceil(all.length / 200) === 0);
    const nearest = sample
      .map((a) => least(all.filter((b) => b !== a).map((b) => Math.hypot(this.x[a] - this.x[b], this.y[a] - this.y[b]))))
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
    return nearest[nearest.length >> 1] || 1000;
  }

  /** The smallest box around everything: [left, top, right, bottom]. */
  box() {
    if (!this.names.length) return [0, 0, 1, 1];
    const margin = this.radius * 1.5;
    return [least(this.x) - margin, least(this.y) - margin, -least(this.x.map((x) => -x)) + margin, -least(this.y.map((y) => -y)) + margin];
  }

  /**
   * The sector at a point, or -1.
   * @param {number} x @param {number} y
   */
  at(x, y) {
    let best = -1;
    let nearest = this.radius * this.radius;
    for (let each = 0; each < this.names.length; each += 1) {
      const [dx, dy] = [x - this.x[each], y - this.y[each]];
      const distance = dx * dx + dy * dy;
      if (distance > nearest) continue;
      const bearing = (Math.atan2(dx, -dy) * 180) / Math.PI;
      const off = Math.abs(((bearing - this.azimuth[each] + 540) % 360) - 180);
      if (Number.isNaN(this.azimuth[each]) || off <= 30) [best, nearest] = [each, distance];
    }
    return best;
  }
}

/** @param {ArrayLike<number>} values */
function least(values) {
  let found = Infinity;
  for (let at = 0; at < values.length; at += 1) found = Math.min(found, values[at]);
  return found;
}
