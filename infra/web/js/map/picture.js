// @ts-check
/**
 * What the map's canvas shows: wedges, those of one colour together. What is there already is moved, and only what comes
 * into sight is drawn: a frame of a map that is moved costs what its edge costs, however large the screen.
 */

import { colour } from "../chart.js";
import { MISSING } from "./scale.js";

const HALF = (29 * Math.PI) / 180;
const PIECES = 5;

/** @typedef {{x: number, y: number}} Middle Of what is shown, in the plane [m]. */

export class Picture {
  /** @param {HTMLCanvasElement} canvas @param {import("./sectors.js").Sectors} sectors */
  constructor(canvas, sectors) {
    this.canvas = canvas;
    this.sectors = sectors;
    // Nothing shines through: the browser need not mix it with what is below.
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    /** @type {string[]} */
    this.fills = [];
    /** Of each cell: its colour; those after the last are hollow: asleep, then without a value. */
    this.group = new Uint8Array(sectors.names.length);
    /** @type {Path2D[]} All cells of each group. */
    this.paths = [];
    /** @type {(Middle & {scale: number}) | null} Of what is on the canvas; null: it has to be drawn anew. */
    this.there = null;
  }

  /**
   * Give cells their colours.
   * @param {import("./scale.js").Painted} painted @param {string[]} conditions Who sleeps is drawn hollow.
   */
  paint(painted, conditions) {
    this.fills = painted.fills;
    const [asleep, missing] = [this.fills.length, this.fills.length + 1];
    for (let at = 0; at < this.group.length; at += 1) {
      const bucket = painted.bucket[at];
      this.group[at] = conditions[at] === "asleep" ? asleep : bucket === MISSING ? missing : bucket;
    }
    this.paths = this.grouped(() => true);
    this.there = null;
  }

  /**
   * Draw, or move what is drawn.
   * @param {Middle} middle @param {number} scale Pixels of the canvas a metre.
   */
  show(middle, scale) {
    const { width, height } = this.canvas;
    const there = this.there;
    if (there && there.scale === scale) {
      const [dx, dy] = [Math.round((there.x - middle.x) * scale), Math.round((there.y - middle.y) * scale)];
      if (Math.abs(dx) < width && Math.abs(dy) < height) {
        this.shift(there, dx, dy);
        return;
      }
    }
    this.there = { x: middle.x, y: middle.y, scale };
    this.draw(this.paths, 0, 0, width, height);
  }

  /** Everything has to be drawn anew. */
  forget() {
    this.there = null;
  }

  /**
   * Move what is there by whole pixels, and draw what comes into sight.
   * @param {Middle & {scale: number}} there @param {number} dx @param {number} dy
   */
  shift(there, dx, dy) {
    if (!dx && !dy) return;
    const { width, height } = this.canvas;
    there.x -= dx / there.scale;
    there.y -= dy / there.scale;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.globalCompositeOperation = "copy";
    this.context.drawImage(this.canvas, dx, dy);
    this.context.globalCompositeOperation = "source-over";
    if (dx) this.edge(dx > 0 ? 0 : width + dx, 0, Math.abs(dx), height);
    if (dy) this.edge(0, dy > 0 ? 0 : height + dy, width, Math.abs(dy));
  }

  /** Draw a part of the canvas. @param {number} left @param {number} top @param {number} width @param {number} height */
  edge(left, top, width, height) {
    const { x, y, radius } = this.sectors;
    const { x: midX, y: midY, scale } = /** @type {Middle & {scale: number}} */ (this.there);
    const [west, north] = [midX + (left - this.canvas.width / 2) / scale, midY + (top - this.canvas.height / 2) / scale];
    const [east, south] = [west + width / scale, north + height / scale];
    const reach = radius + 2 * this.line();
    this.draw(this.grouped((at) => x[at] > west - reach && x[at] < east + reach && y[at] > north - reach && y[at] < south + reach), left, top, width, height);
  }

  /**
   * One path a group, of the cells that are wanted.
   * @param {(at: number) => boolean} wanted
   */
  grouped(wanted) {
    const paths = Array.from({ length: this.fills.length + 2 }, () => new Path2D());
    for (let at = 0; at < this.group.length; at += 1) if (wanted(at)) this.wedge(paths[this.group[at]], at);
    return paths;
  }

  /** @param {Path2D} path @param {number} at */
  wedge(path, at) {
    const { x, y, azimuth, radius } = this.sectors;
    if (Number.isNaN(azimuth[at])) {
      path.moveTo(x[at] + radius * 0.7, y[at]);
      path.arc(x[at], y[at], radius * 0.7, 0, 2 * Math.PI);
      return;
    }
    const angle = ((azimuth[at] - 90) * Math.PI) / 180;
    path.moveTo(x[at], y[at]);
    // Straight pieces: an arc would be taken to pieces anew in every frame.
    for (let piece = 0; piece <= PIECES; piece += 1) {
      const bearing = angle - HALF + (2 * HALF * piece) / PIECES;
      path.lineTo(x[at] + radius * Math.cos(bearing), y[at] + radius * Math.sin(bearing));
    }
    path.closePath();
  }

  /** Width of a line [m]. */
  line() {
    return (1.2 * devicePixelRatio) / (this.there?.scale ?? 1);
  }

  /**
   * Fill a part of the canvas with these paths.
   * @param {Path2D[]} paths @param {number} left @param {number} top @param {number} width @param {number} height
   */
  draw(paths, left, top, width, height) {
    const context = this.context;
    const { x, y, scale } = /** @type {Middle & {scale: number}} */ (this.there);
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    context.fillStyle = colour("map");
    context.fillRect(left, top, width, height);
    context.setTransform(scale, 0, 0, scale, this.canvas.width / 2 - x * scale, this.canvas.height / 2 - y * scale);
    context.lineWidth = this.line();
    paths.forEach((path, group) => {
      if (group < this.fills.length) {
        context.fillStyle = this.fills[group];
        context.fill(path);
      } else {
        context.strokeStyle = colour(group === this.fills.length ? "asleep" : "faint");
        context.stroke(path);
      }
    });
    context.restore();
  }
}
