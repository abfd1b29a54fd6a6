// @ts-check
/**
 * What the map's canvas shows: wedges, those of one colour together. The canvas is larger than its window and slides below
 * it: it is drawn again when its edge comes near, and sharp again when it is no longer zoomed. So what a frame costs doesn't
 * depend on how many cells there are, nor on the size of the screen.
 */

import { colour } from "../chart.js";
import { MISSING } from "./scale.js";

const HALF = (29 * Math.PI) / 180;
const PIECES = 5;
/** Of the window's size: what lies beside it on each side. */
const MARGIN = 0.25;
/** From the last zoom to a sharp picture [ms]. */
const SHARP_MS = 150;

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
    /** Of the window, in pixels of the canvas. */
    this.width = this.height = 0;
    this.sharpening = 0;
  }

  /**
   * Fit a window.
   * @param {number} width @param {number} height Of the page [pixel]. @param {number} ratio Pixels of the canvas to one of it.
   */
  resize(width, height, ratio) {
    [this.width, this.height] = [width * ratio, height * ratio];
    this.canvas.width = Math.round(this.width * (1 + 2 * MARGIN));
    this.canvas.height = Math.round(this.height * (1 + 2 * MARGIN));
    Object.assign(this.canvas.style, {
      width: `${this.canvas.width / ratio}px`, height: `${this.canvas.height / ratio}px`,
      left: `${(width - this.canvas.width / ratio) / 2}px`, top: `${(height - this.canvas.height / ratio) / 2}px`,
    });
    this.forget();
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
    this.paths = this.grouped();
    this.there = null;
  }

  /**
   * Slide what is drawn into place, or draw it anew.
   * @param {Middle} middle Of the window. @param {number} scale Pixels of the canvas a metre.
   * @param {() => void} sharpen Told when a zoomed picture should be drawn again.
   */
  show(middle, scale, sharpen) {
    clearTimeout(this.sharpening);
    const there = this.there;
    if (there) {
      const zoomed = scale / there.scale;
      const [dx, dy] = [Math.round((there.x - middle.x) * scale), Math.round((there.y - middle.y) * scale)];
      const covers = (/** @type {number} */ side, /** @type {number} */ seen, /** @type {number} */ by) => zoomed * side >= seen + 2 * Math.abs(by);
      if (zoomed <= 2 && covers(this.canvas.width, this.width, dx) && covers(this.canvas.height, this.height, dy)) {
        this.canvas.style.transform = `translate(${dx / devicePixelRatio}px, ${dy / devicePixelRatio}px) scale(${zoomed})`;
        if (zoomed !== 1) this.sharpening = window.setTimeout(sharpen, SHARP_MS);
        return;
      }
    }
    this.there = { x: middle.x, y: middle.y, scale };
    this.canvas.style.transform = "";
    this.draw();
  }

  /** Everything has to be drawn anew. */
  forget() {
    this.there = null;
    clearTimeout(this.sharpening);
  }

  /** One path a group. */
  grouped() {
    const paths = Array.from({ length: this.fills.length + 2 }, () => new Path2D());
    this.group.forEach((group, at) => this.wedge(paths[group], at));
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

  draw() {
    const context = this.context;
    const { width, height } = this.canvas;
    const { x, y, scale } = /** @type {Middle & {scale: number}} */ (this.there);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = colour("map");
    context.fillRect(0, 0, width, height);
    context.setTransform(scale, 0, 0, scale, width / 2 - x * scale, height / 2 - y * scale);
    context.lineWidth = (1.2 * devicePixelRatio) / scale;
    this.paths.forEach((path, group) => {
      if (group < this.fills.length) {
        context.fillStyle = this.fills[group];
        context.fill(path);
      } else {
        context.strokeStyle = colour(group === this.fills.length ? "asleep" : "faint");
        context.stroke(path);
      }
    });
  }
}
