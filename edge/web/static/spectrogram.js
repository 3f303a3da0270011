// A spectrogram that moves: levels in grey, the mask over them, boxes of events, gaps hatched, axes in kHz and seconds.

const WINDOW_S = 30;
const COLUMN_S = 0.032; // about a pixel: the loudest level and any mask of its frames
const BOTTOM = 22, LEFT = 34, TOP = 4; // of the axes, in CSS pixels
const EMPTY = 0, HEARD = 1, GAP = 2; // columns
const CONTRAST_EVERY = 32; // columns
const MIN_RANGE_DB = 30, MAX_RANGE_DB = 60;

const THEMES = {
  dark: { quiet: [13, 19, 16], loud: [236, 243, 239], mask: [255, 176, 46], gap: "#3c4a42", stripe: "#6a7d72",
          text: "#d4e0d9", grid: "#ffffff22", box: "#ffd27a", label: "#16110a" },
  light: { quiet: [250, 252, 251], loud: [22, 33, 27], mask: [214, 74, 0], gap: "#dfe4e1", stripe: "#9aa8a0",
           text: "#2c3a32", grid: "#00000018", box: "#9c3600", label: "#ffffff" },
};

export class Spectrogram {
  constructor(canvas) {
    this.canvas = canvas;
    this.showsMask = true;
    this.columns = 0; // painted so far
    this.range = [-70, -10];
    this.grid = { bins: 256, hop_s: 0.008, low_hz: 62.5, bin_hz: 62.5, min_level_db: -100, level_step_db: 0.6 };
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.repaint());
    new ResizeObserver(() => this.draw()).observe(canvas);
    this.configure(this.grid);
  }

  // Resume after a lost connection: painted columns stay, and repeated frames are skipped.
  resume(grid) {
    const names = ["bins", "hop_s", "low_hz", "bin_hz", "min_level_db", "level_step_db"];
    if (names.some((name) => grid[name] !== this.grid[name])) this.configure(grid);
    this.isResuming = this.endUtcS !== null;
  }

  // Start over with a grid of time and frequency.
  configure(grid) {
    this.grid = grid;
    this.isResuming = false;
    this.framesPerColumn = Math.max(1, Math.round(COLUMN_S / grid.hop_s));
    this.columnS = grid.hop_s * this.framesPerColumn;
    this.width = Math.ceil(WINDOW_S / this.columnS);
    this.levels = new Uint8Array(this.width * grid.bins);
    this.masks = new Uint8Array(this.width * grid.bins);
    this.kinds = new Uint8Array(this.width).fill(EMPTY);
    this.image = new OffscreenCanvas(this.width, grid.bins);
    this.painter = this.image.getContext("2d", { alpha: false });
    this.pixels = this.painter.createImageData(1, grid.bins);
    this.at = 0; // the next column
    this.inColumn = 0; // frames in it so far
    this.endUtcS = null; // where the next frame is expected
    this.events = [];
    this.repaint();
  }

  // Take a packet of frames: see edge/formats/live_frames.py. Return how many bins are marked.
  push(buffer) {
    const view = new DataView(buffer);
    const hasGap = (view.getUint8(1) & 1) !== 0;
    const bins = view.getUint16(2, true), frames = view.getUint16(4, true);
    const utcS = view.getFloat64(8, true);
    if (bins !== this.grid.bins) return 0;
    const aheadS = this.endUtcS === null ? 0 : utcS - this.endUtcS;
    if (this.isResuming && aheadS < -this.grid.hop_s / 2 && aheadS > -WINDOW_S) return 0;
    if ((hasGap || this.isResuming) && Math.abs(aheadS) > this.grid.hop_s / 2) this.skip(aheadS);
    this.isResuming = false;
    const levels = new Uint8Array(buffer, 16, frames * bins);
    const bits = new Uint8Array(buffer, 16 + frames * bins);
    let marked = 0;
    for (let frame = 0; frame < frames; frame++) {
      const from = frame * bins, to = this.at * bins;
      for (let bin = 0; bin < bins; bin++) {
        const isMarked = (bits[(from + bin) >> 3] >> (7 - ((from + bin) & 7))) & 1;
        marked += isMarked;
        if (this.inColumn === 0) { this.levels[to + bin] = levels[from + bin]; this.masks[to + bin] = isMarked; }
        else {
          if (levels[from + bin] > this.levels[to + bin]) this.levels[to + bin] = levels[from + bin];
          this.masks[to + bin] |= isMarked;
        }
      }
      if (++this.inColumn === this.framesPerColumn) this.finish(HEARD);
    }
    this.endUtcS = utcS + frames * this.grid.hop_s;
    return marked;
  }

  // Hatch the time in which nothing was heard.
  skip(seconds) {
    const missing = Math.min(this.width, Math.max(1, Math.round(seconds / this.columnS)));
    for (let n = 0; n < missing; n++) this.finish(GAP);
    this.endUtcS += Math.max(0, seconds);
  }

  addEvent(event) {
    const isSame = (other) => other.onset_utc_s === event.onset_utc_s && other.low_hz === event.low_hz;
    if (this.events.some(isSame)) return;
    this.events.push(event);
    this.draw();
  }

  setMask(shows) {
    this.showsMask = shows;
    this.repaint();
  }

  finish(kind) {
    this.kinds[this.at] = kind;
    this.paint(this.at);
    this.inColumn = 0;
    this.columns++;
    this.at = (this.at + 1) % this.width;
    if (this.columns % CONTRAST_EVERY === 0) this.adjust();
  }

  // Follow the quietest and the loudest levels slowly.
  adjust() {
    const counts = new Uint32Array(256);
    for (let column = 0; column < this.width; column += 4) {
      if (this.kinds[column] !== HEARD) continue;
      for (let bin = 0; bin < this.grid.bins; bin += 2) counts[this.levels[column * this.grid.bins + bin]]++;
    }
    const total = counts.reduce((sum, count) => sum + count, 0);
    const level = (share) => {
      let sum = 0, step = 0;
      while (step < 255 && (sum += counts[step]) < share * total) step++;
      return this.grid.min_level_db + step * this.grid.level_step_db;
    };
    if (total === 0) return;
    const quiet = level(0.4), range = Math.min(MAX_RANGE_DB, Math.max(MIN_RANGE_DB, level(0.999) - quiet));
    if (Math.abs(quiet - this.range[0]) < 2 && Math.abs(quiet + range - this.range[1]) < 3) return;
    this.range = [quiet, quiet + range];
    this.repaint();
  }

  get theme() {
    return THEMES[this.dark.matches ? "dark" : "light"];
  }

  repaint() {
    const { quiet, loud, mask } = this.theme;
    this.colours = new Uint8Array(2 * 256 * 3);
    for (let step = 0; step < 256; step++) {
      const db = this.grid.min_level_db + step * this.grid.level_step_db;
      const share = Math.min(1, Math.max(0, (db - this.range[0]) / (this.range[1] - this.range[0])));
      for (let c = 0; c < 3; c++) {
        const grey = quiet[c] + (loud[c] - quiet[c]) * share;
        this.colours[3 * step + c] = grey;
        this.colours[3 * (256 + step) + c] = grey + (mask[c] - grey) * (0.35 + 0.5 * share);
      }
    }
    for (let column = 0; column < this.width; column++) this.paint(column);
    this.draw();
  }

  paint(column) {
    const { bins } = this.grid, data = this.pixels.data;
    if (this.kinds[column] !== HEARD) {
      this.painter.fillStyle = this.kinds[column] === GAP ? this.theme.gap : `rgb(${this.theme.quiet})`;
      this.painter.fillRect(column, 0, 1, bins);
      return;
    }
    for (let bin = 0; bin < bins; bin++) {
      const cell = column * bins + bin;
      const colour = 3 * (this.levels[cell] + (this.showsMask && this.masks[cell] ? 256 : 0));
      const pixel = 4 * (bins - 1 - bin);
      data[pixel] = this.colours[colour];
      data[pixel + 1] = this.colours[colour + 1];
      data[pixel + 2] = this.colours[colour + 2];
      data[pixel + 3] = 255;
    }
    this.painter.putImageData(this.pixels, column, 0);
  }

  // Draw all of it, at the resolution of the screen.
  draw() {
    const { canvas, theme } = this, ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const plot = { x: LEFT, y: TOP, width: width - LEFT - 1, height: height - BOTTOM - TOP };
    const scale = plot.width / this.width, older = this.width - this.at;
    context.imageSmoothingEnabled = true;
    if (older) context.drawImage(this.image, this.at, 0, older, this.grid.bins, plot.x, plot.y, older * scale, plot.height);
    if (this.at) context.drawImage(this.image, 0, 0, this.at, this.grid.bins, plot.x + older * scale, plot.y, this.at * scale, plot.height);
    this.drawGaps(context, plot, scale);
    this.drawAxes(context, plot, theme);
    this.drawEvents(context, plot, theme);
  }

  drawGaps(context, plot, scale) {
    context.save();
    context.beginPath();
    for (let n = 0, from = null; n <= this.width; n++) {
      const isGap = n < this.width && this.kinds[(this.at + n) % this.width] === GAP;
      if (isGap && from === null) from = n;
      if (!isGap && from !== null) {
        context.rect(plot.x + from * scale, plot.y, Math.max(1, (n - from) * scale), plot.height);
        from = null;
      }
    }
    context.clip();
    context.strokeStyle = this.theme.stripe;
    context.lineWidth = 1.5;
    context.beginPath();
    const offset = (this.columns * scale) % 8; // the stripes move with the picture
    for (let x = plot.x - plot.height - offset; x < plot.x + plot.width + 8; x += 8) {
      context.moveTo(x, plot.y + plot.height);
      context.lineTo(x + plot.height, plot.y);
    }
    context.stroke();
    context.restore();
  }

  drawAxes(context, plot, theme) {
    const { low_hz, bin_hz, bins } = this.grid;
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = theme.text;
    context.strokeStyle = theme.grid;
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    const maxHz = low_hz + bins * bin_hz, stepHz = plot.height < 160 ? 4000 : 2000;
    for (let hz = stepHz; hz < maxHz; hz += stepHz) {
      const y = this.y(hz, plot);
      this.line(context, plot.x, y, plot.x + plot.width, y);
      context.fillText(`${hz / 1000}`, plot.x - 5, y);
    }
    context.fillText("kHz", plot.x - 5, plot.y + plot.height + 11);
    context.textAlign = "center";
    const stepS = plot.width < 420 ? 10 : 5;
    for (let age = stepS; age < WINDOW_S; age += stepS) {
      const x = plot.x + plot.width * (1 - age / WINDOW_S);
      this.line(context, x, plot.y, x, plot.y + plot.height);
      context.fillText(`−${age} s`, x, plot.y + plot.height + 11);
    }
    context.textAlign = "right";
    context.fillText("0 s", plot.x + plot.width, plot.y + plot.height + 11);
  }

  line(context, x1, y1, x2, y2) {
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  }

  y(hz, plot) {
    const { low_hz, bin_hz, bins } = this.grid;
    return plot.y + plot.height * (1 - (hz - low_hz + bin_hz / 2) / (bins * bin_hz));
  }

  drawEvents(context, plot, theme) {
    if (this.endUtcS === null) return;
    const x = (utcS) => plot.x + plot.width * (1 - (this.endUtcS - utcS) / WINDOW_S);
    this.events = this.events.filter((event) => event.offset_utc_s > this.endUtcS - WINDOW_S);
    context.save();
    context.beginPath();
    context.rect(plot.x, plot.y, plot.width, plot.height);
    context.clip();
    context.font = "600 11px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    const labels = []; // a label that would cover another one is left out
    const boxes = this.events.map((event) => ({
      left: x(event.onset_utc_s), right: x(event.offset_utc_s),
      top: this.y(event.high_hz, plot), bottom: this.y(event.low_hz, plot), text: event.score.toFixed(2),
    }));
    context.strokeStyle = theme.box;
    context.lineWidth = 1.5;
    for (const { left, right, top, bottom } of boxes) {
      context.strokeRect(left - 1, top - 1, right - left + 2, bottom - top + 2);
    }
    for (const { left, top, bottom, text } of boxes) {
      const wide = context.measureText(text).width + 6;
      const y = top - 15 > plot.y ? top - 15 : bottom + 2;
      if (labels.some((label) => Math.abs(label.y - y) < 13 && label.x < left + wide && left < label.x + label.wide)) continue;
      labels.push({ x: left, y, wide });
      context.fillStyle = theme.box;
      context.fillRect(left - 2, y, wide, 13);
      context.fillStyle = theme.label;
      context.fillText(text, left + 1, y + 10);
    }
    context.restore();
  }
}
