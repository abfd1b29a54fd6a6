// @ts-check
/**
 * The map: wedges on a canvas, moved by mouse, finger and keyboard. Cells of one colour are one path in the plane's own
 * coordinates, made when colours change; a frame only fills paths under another transform. Nothing changed: no frame.
 */

import { colour } from "../chart.js";
import { h } from "../dom.js";
import { MISSING } from "./scale.js";

const HALF = (29 * Math.PI) / 180;
const PIECES = 5;
const [CLOSEST, WIDEST] = [200, 0.2];

export class SectorMap {
  /**
   * @param {import("./sectors.js").Sectors} sectors
   * @param {(at: number) => void} onPick Told which cell was chosen.
   * @param {(at: number) => string} tip What is told of a cell under the pointer.
   */
  constructor(sectors, onPick, tip) {
    this.sectors = sectors;
    this.onPick = onPick;
    this.canvas = /** @type {HTMLCanvasElement} */ (
      h("canvas", { tabindex: 0, role: "img", "aria-label": "Map of the cells; the table below says the same. Arrows move it, plus and minus zoom." })
    );
    this.element = h("div", { class: "map" }, this.canvas);
    this.tip = tip;
    this.frames = 0;
    this.asked = 0;
    this.chosen = -1;
    /** @type {[string, Path2D, boolean][]} */
    this.paths = [];
    const [left, top, right, bottom] = sectors.box();
    this.whole = { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, height: bottom - top };
    this.view = { x: this.whole.x, y: this.whole.y, zoom: 1 };
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.element);
    this.themed = () => this.ask();
    addEventListener("themechange", this.themed);
    this.listen();
  }

  /** Watch nothing any more. */
  stop() {
    this.observer.disconnect();
    removeEventListener("themechange", this.themed);
    cancelAnimationFrame(this.asked);
  }

  /**
   * Give cells their colours.
   * @param {import("./scale.js").Painted} painted @param {string[]} conditions Who sleeps is drawn hollow.
   */
  paint(painted, conditions) {
    const filled = painted.fills.map(() => new Path2D());
    const [hollow, missing] = [new Path2D(), new Path2D()];
    for (let at = 0; at < this.sectors.names.length; at += 1) {
      const bucket = painted.bucket[at];
      this.wedge(conditions[at] === "asleep" ? hollow : bucket === MISSING ? missing : filled[bucket], at);
    }
    this.paths = filled.map((path, at) => [painted.fills[at], path, true]);
    this.paths.push(["asleep", hollow, false], ["faint", missing, false]);
    this.ask();
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

  /** @param {number} at Mark a cell; -1: none. */
  choose(at) {
    this.chosen = at;
    this.ask();
  }

  /** Draw in the next frame, however often it is asked for. */
  ask() {
    this.asked ||= requestAnimationFrame(() => {
      this.asked = 0;
      this.draw();
    });
  }

  draw() {
    const context = this.canvas.getContext("2d");
    if (!context) return;
    this.frames += 1;
    const scale = this.scale();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const { x, y } = this.view;
    context.setTransform(scale, 0, 0, scale, this.canvas.width / 2 - x * scale, this.canvas.height / 2 - y * scale);
    context.lineWidth = (1.2 * devicePixelRatio) / scale;
    for (const [fill, path, whole] of this.paths) {
      if (whole) {
        context.fillStyle = fill;
        context.fill(path);
      } else {
        context.strokeStyle = colour(fill);
        context.stroke(path);
      }
    }
    if (this.chosen < 0) return;
    const around = new Path2D();
    this.wedge(around, this.chosen);
    context.lineWidth = (3 * devicePixelRatio) / scale;
    context.strokeStyle = colour("text");
    context.stroke(around);
  }

  /** Pixels of the canvas a metre. */
  scale() {
    const fit = Math.min(this.canvas.width / this.whole.width, this.canvas.height / this.whole.height);
    return fit * this.view.zoom;
  }

  resize() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.element.clientWidth * ratio);
    this.canvas.height = Math.round(this.element.clientHeight * ratio);
    this.draw();
  }

  /** @param {number} dx @param {number} dy Of the page [pixel]. */
  move(dx, dy) {
    const scale = this.scale() / devicePixelRatio;
    this.view.x -= dx / scale;
    this.view.y -= dy / scale;
    this.ask();
  }

  /** @param {number} factor @param {number} [px] @param {number} [py] The point that stays, from the middle [pixel]. */
  zoom(factor, px = 0, py = 0) {
    const before = this.scale() / devicePixelRatio;
    this.view.zoom = Math.min(CLOSEST, Math.max(WIDEST, this.view.zoom * factor));
    const after = this.scale() / devicePixelRatio;
    this.view.x += px / before - px / after;
    this.view.y += py / before - py / after;
    this.ask();
  }

  /** @param {MouseEvent} event @returns {[number, number]} From the middle of the map [pixel]. */
  from(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  }

  /** @param {MouseEvent} event The cell below the pointer, or -1. */
  under(event) {
    const [px, py] = this.from(event);
    const scale = this.scale() / devicePixelRatio;
    return this.sectors.at(this.view.x + px / scale, this.view.y + py / scale);
  }

  listen() {
    const canvas = this.canvas;
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      moved = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) {
        moved += Math.abs(event.movementX) + Math.abs(event.movementY);
        this.move(event.movementX, event.movementY);
      } else {
        const at = this.under(event);
        canvas.title = at < 0 ? "" : this.tip(at);
      }
    });
    canvas.addEventListener("click", (event) => {
      const at = moved > 4 ? -1 : this.under(event);
      if (at >= 0) this.onPick(at);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), ...this.from(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      /** @type {Record<string, () => void>} */
      const keys = {
        ArrowLeft: () => this.move(60, 0), ArrowRight: () => this.move(-60, 0),
        ArrowUp: () => this.move(0, 60), ArrowDown: () => this.move(0, -60),
        "+": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}
