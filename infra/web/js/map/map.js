// @ts-check
/** The map: a picture of the cells on a canvas, moved by mouse, finger and keyboard. Nothing changed: no frame. */

import { h } from "../dom.js";
import { Picture } from "./picture.js";

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
    this.picture = new Picture(this.canvas, sectors);
    this.tip = tip;
    this.frames = 0;
    this.asked = 0;
    const [left, top, right, bottom] = sectors.box();
    this.whole = { x: (left + right) / 2, y: (top + bottom) / 2, width: right - left, height: bottom - top };
    this.view = { x: this.whole.x, y: this.whole.y, zoom: 1 };
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.element);
    this.themed = () => this.anew();
    addEventListener("themechange", this.themed);
    this.listen();
  }

  /** Watch nothing any more. */
  stop() {
    this.observer.disconnect();
    removeEventListener("themechange", this.themed);
    this.picture.forget();
    cancelAnimationFrame(this.asked);
  }

  /**
   * Give cells their colours.
   * @param {import("./scale.js").Painted} painted @param {string[]} conditions Who sleeps is drawn hollow.
   */
  paint(painted, conditions) {
    this.picture.paint(painted, conditions);
    this.ask();
  }

  /** Draw everything in the next frame. */
  anew() {
    this.picture.forget();
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
    this.frames += 1;
    this.picture.show(this.view, this.scale(), () => this.anew());
  }

  /** Pixels of the canvas a metre. */
  scale() {
    const fit = Math.min(this.picture.width / this.whole.width, this.picture.height / this.whole.height);
    return fit * this.view.zoom;
  }

  resize() {
    this.picture.resize(this.element.clientWidth, this.element.clientHeight, devicePixelRatio || 1);
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
    const box = this.element.getBoundingClientRect();
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
