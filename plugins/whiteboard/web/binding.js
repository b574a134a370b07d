// Ties one Excalidraw to one Yjs document. The server's schema.py describes the same element shape.
//
// elements: Y.Map<id, Y.Map{ g: geometry, m: all other properties, p: Y.Array<int> free-hand points }>
// files:    Y.Map<id, Y.Map{ mime, data: Uint8Array }>
import { CaptureUpdateAction, restoreElements } from "@excalidraw/excalidraw";
import * as Y from "yjs";

const GEOMETRY = ["x", "y", "width", "height", "angle", "points"];
const NOT_SHARED = new Set(["version", "versionNonce", "updated", "customData", "pressures", ...GEOMETRY]);
const TYPES = new Set(["rectangle", "ellipse", "diamond", "line", "arrow", "freedraw", "text", "image", "frame"]);
const WITH_POINTS = new Set(["line", "arrow", "freedraw"]);
const POINTS_PER_PX = 100;
const PUSH_MS = 50;
const APPLY_MIN_MS = 33;
const APPLY_MAX_MS = 400;
const RETRY_MS = 100;
const SHRINK_ABOVE_BYTES = 1_200_000;
const SHRINK_TO_PX = 1440;
const SHARED_IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);
const nonce = () => Math.floor(Math.random() * 2 ** 31);

/** What is shared of an element: its geometry and its other properties (free-hand points go by themselves). */
export function split(element) {
  const g = {};
  const m = {};
  for (const key of GEOMETRY) {
    if (element[key] !== undefined && !(element.type === "freedraw" && key === "points")) g[key] = element[key];
  }
  for (const key in element) if (!NOT_SHARED.has(key) && element[key] !== undefined) m[key] = element[key];
  return { g, m };
}

/** Whether an element can be drawn without harm: Excalidraw throws on some shapes, and would on every screen. */
export function sane(element, hasPoints) {
  if (!TYPES.has(element.type) || typeof element.index !== "string") return false;
  if (![element.x, element.y, element.width, element.height, element.angle].every(Number.isFinite)) return false;
  if ((element.type === "freedraw") !== hasPoints) return false;
  if (WITH_POINTS.has(element.type)) {
    if (!Array.isArray(element.points) || !element.points.length) return false;
    if (!element.points.every((at) => Number.isFinite(at?.[0]) && Number.isFinite(at?.[1]))) return false;
  }
  return !element.link || /^https?:\/\//i.test(element.link);
}

const byIndex = (a, b) => (a.index < b.index ? -1 : a.index > b.index ? 1 : a.id < b.id ? -1 : 1);

export class Binding {
  /** api: Excalidraw's; events: { drew(kind), changed() } */
  constructor(api, doc, awareness, { readOnly = false, events = {} } = {}) {
    Object.assign(this, { api, doc, awareness, readOnly, events });
    this.elements = doc.getMap("elements");
    this.files = doc.getMap("files");
    this.seen = new Map(); // id -> { version, nonce, g, m }: as last pushed or shown
    this.knownFiles = new Set();
    this.dirty = new Set();
    this.drawn = 0;
    this.cost = 0;
    this.lastApply = 0;
    this.pushTimer = this.applyTimer = this.retryTimer = this.peerTimer = 0;
    this.onElements = (events, transaction) => {
      if (transaction.origin === this) return;
      for (const event of events) {
        if (event.path.length) this.dirty.add(event.path[0]);
        else for (const key of event.changes.keys.keys()) this.dirty.add(key);
      }
      this.schedule();
    };
    this.onFiles = () => this.applyFiles();
    this.onPeers = () => {
      this.peerTimer ||= setTimeout(() => {
        this.peerTimer = 0;
        this.applyPeers();
      }, PUSH_MS);
    };
    this.elements.observeDeep(this.onElements);
    this.files.observe(this.onFiles);
    awareness.on("change", this.onPeers);
    for (const key of this.elements.keys()) this.dirty.add(key);
    this.apply();
    this.applyFiles();
    this.applyPeers();
  }

  destroy() {
    if (this.pushTimer) this.push();
    this.elements.unobserveDeep(this.onElements);
    this.files.unobserve(this.onFiles);
    this.awareness.off("change", this.onPeers);
    for (const timer of [this.pushTimer, this.applyTimer, this.retryTimer, this.peerTimer]) clearTimeout(timer);
  }

  /** Excalidraw's onChange: collect, then share. */
  changed() {
    if (this.readOnly) return;
    this.pushTimer ||= setTimeout(() => this.push(), PUSH_MS);
  }

  push() {
    clearTimeout(this.pushTimer);
    this.pushTimer = 0;
    const scene = this.api.getSceneElementsIncludingDeleted();
    const drawing = this.api.getAppState().newElement?.id;
    const todo = scene.filter((element) => {
      const seen = this.seen.get(element.id);
      return !seen || seen.version !== element.version || seen.nonce !== element.versionNonce;
    });
    if (todo.length) this.doc.transact(() => todo.forEach((element) => this.put(element, element.id === drawing)), this);
    this.pushFiles(scene);
    if (todo.length) this.events.changed?.();
  }

  put(element, live) {
    const freehand = element.type === "freedraw";
    if (!TYPES.has(element.type) || typeof element.index !== "string") return;
    if (WITH_POINTS.has(element.type) && !element.points.length) return;
    const { g, m } = split(element);
    let shared = this.elements.get(element.id);
    let seen = this.seen.get(element.id);
    if (!(shared instanceof Y.Map)) {
      if (element.isDeleted) return;
      shared = new Y.Map();
      seen = undefined;
      this.elements.set(element.id, shared);
      shared.set("g", g);
      shared.set("m", m);
      if (freehand) shared.set("p", new Y.Array());
    } else {
      // The geometry of a stroke under the pen is implied by its points; it is shared when the pen lifts.
      if (!(freehand && live) && !same(g, seen?.g)) shared.set("g", g);
      if (!same(m, seen?.m)) shared.set("m", m);
    }
    if (freehand) this.putPoints(shared.get("p"), element.points);
    if (!live && !this.seen.get(element.id)?.done && !element.isDeleted) this.announce(element.type);
    this.seen.set(element.id, {
      version: element.version,
      nonce: element.versionNonce,
      g: freehand && live && seen ? seen.g : g,
      m,
      done: !live,
    });
  }

  putPoints(points, wanted) {
    const have = points.length / 2;
    if (wanted.length < have) points.delete(wanted.length * 2, points.length - wanted.length * 2);
    const added = [];
    for (let i = have; i < wanted.length; i++) {
      added.push(Math.round(wanted[i][0] * POINTS_PER_PX), Math.round(wanted[i][1] * POINTS_PER_PX));
    }
    if (added.length) points.push(added);
  }

  /** Tell the others, in words a screen reader can say, that something was drawn. */
  announce(kind) {
    this.awareness.setLocalStateField("did", [++this.drawn, kind]);
    this.events.drew?.(kind);
  }

  pushFiles(scene) {
    const local = this.api.getFiles();
    for (const element of scene) {
      if (element.type !== "image" || element.isDeleted || !element.fileId) continue;
      const file = local[element.fileId];
      if (file && !this.files.has(element.fileId) && !this.sending?.has(element.fileId)) this.sendFile(file);
      else if (element.status === "pending" && this.files.has(element.fileId)) this.markSaved(element.id);
    }
  }

  async sendFile(file) {
    (this.sending ??= new Set()).add(file.id);
    try {
      const { mime, data } = await shareable(file);
      this.knownFiles.add(file.id);
      this.doc.transact(() => {
        const shared = new Y.Map();
        shared.set("mime", mime);
        shared.set("data", data);
        this.files.set(file.id, shared);
      }, this);
      this.changed();
    } catch {
      this.events.imageFailed?.();
    } finally {
      this.sending.delete(file.id);
    }
  }

  markSaved(id) {
    const elements = this.api
      .getSceneElementsIncludingDeleted()
      .map((element) => (element.id === id ? { ...element, status: "saved", version: element.version + 1 } : element));
    this.api.updateScene({ elements, captureUpdate: CaptureUpdateAction.NEVER });
  }

  /** Applying never takes more than about a quarter of the page's time: one updateScene costs O(all elements). */
  schedule() {
    if (this.applyTimer) return;
    const gap = Math.min(APPLY_MAX_MS, Math.max(APPLY_MIN_MS, 4 * this.cost));
    const due = Math.max(0, this.lastApply + gap - performance.now());
    this.applyTimer = setTimeout(() => {
      this.applyTimer = 0;
      this.lastApply = performance.now();
      this.apply();
      this.cost = 0.7 * this.cost + 0.3 * (performance.now() - this.lastApply);
    }, due);
  }

  apply() {
    if (!this.dirty.size) return;
    // Own edits first, also those Excalidraw has not reported yet: Yjs, not we, resolves the race.
    if (!this.readOnly) this.push();
    const state = this.api.getAppState();
    const busy = new Set([state.newElement?.id, state.editingTextElement?.id, state.resizingElement?.id]);
    const scene = this.api.getSceneElementsIncludingDeleted().slice();
    const place = new Map(scene.map((element, i) => [element.id, i]));
    const later = new Set();
    let applied = 0;
    let sort = false;
    for (const id of this.dirty) {
      if (busy.has(id)) {
        later.add(id);
        continue;
      }
      const at = place.get(id);
      const old = at === undefined ? null : scene[at];
      const element = this.read(id, old);
      if (!element) continue;
      applied++;
      if (at === undefined) scene.push(element);
      else scene[at] = element;
      sort ||= at === undefined || old.index !== element.index;
      // Compared with what we show, not with the peer's numbers: rounding must not look like a change of ours.
      this.seen.set(id, { version: element.version, nonce: element.versionNonce, ...split(element), done: true });
    }
    this.dirty = later;
    if (later.size) this.retryTimer = setTimeout(() => this.schedule(), RETRY_MS);
    if (!applied) return;
    if (sort) scene.sort(byIndex);
    this.api.updateScene({ elements: scene, captureUpdate: CaptureUpdateAction.NEVER });
    this.events.changed?.();
  }

  /** The element to show for what is shared under `id`; null when there is nothing to do or it is not sane. */
  read(id, old) {
    const shared = this.elements.get(id);
    const stamp = { updated: Date.now(), version: (old?.version || 0) + 1, versionNonce: nonce() };
    if (!(shared instanceof Y.Map)) return old && !old.isDeleted ? { ...old, ...stamp, isDeleted: true } : null;
    const g = shared.get("g");
    const m = shared.get("m");
    const p = shared.get("p");
    if (!g || !m) return null;
    const element = { ...m, ...g, id, ...stamp };
    if (p instanceof Y.Array) Object.assign(element, freehand(p.toArray()));
    if (!sane(element, p instanceof Y.Array)) return null;
    if (p) return { pressures: [], ...element };
    const restored = restoreElements([element], null)[0];
    return restored ? { ...restored, ...stamp, index: element.index } : null;
  }

  applyFiles() {
    const added = [];
    for (const [id, shared] of this.files) {
      const mime = shared?.get?.("mime");
      const data = shared?.get?.("data");
      if (this.knownFiles.has(id) || !SHARED_IMAGES.has(mime) || !(data instanceof Uint8Array)) continue;
      this.knownFiles.add(id);
      added.push({ id, mimeType: mime, dataURL: dataUrl(mime, data), created: Date.now() });
    }
    if (added.length) this.api.addFiles(added);
  }

  applyPeers() {
    const collaborators = new Map();
    for (const [id, state] of this.awareness.getStates()) {
      if (id === this.doc.clientID || !state.user) continue;
      collaborators.set(String(id), {
        id: String(id),
        username: state.user.name,
        pointer: state.p && { x: state.p[0], y: state.p[1], tool: state.t || "pointer" },
        button: state.p?.[2] ? "down" : "up",
        color: { background: `hsl(${id % 360} 80% 80%)`, stroke: `hsl(${id % 360} 80% 30%)` },
        selectedElementIds: Object.fromEntries((state.sel || []).map((key) => [key, true])),
      });
    }
    this.api.updateScene({ collaborators });
  }
}

function freehand(numbers) {
  const points = [];
  let [left, top, right, bottom] = [0, 0, 0, 0];
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    const x = numbers[i] / POINTS_PER_PX;
    const y = numbers[i + 1] / POINTS_PER_PX;
    points.push([x, y]);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return { points, width: right - left, height: bottom - top };
}

function dataUrl(mime, data) {
  let binary = "";
  for (let i = 0; i < data.length; i += 32768) binary += String.fromCharCode(...data.subarray(i, i + 32768));
  return `data:${mime};base64,${btoa(binary)}`;
}

/** The image as raster bytes of a size the board takes; large and vector ones are drawn anew. */
async function shareable(file) {
  const bytes = Uint8Array.from(atob(file.dataURL.split(",")[1]), (letter) => letter.charCodeAt(0));
  if (SHARED_IMAGES.has(file.mimeType) && bytes.length <= SHRINK_ABOVE_BYTES) return { mime: file.mimeType, data: bytes };
  const image = new Image();
  image.src = file.dataURL;
  await image.decode();
  const scale = Math.min(1, SHRINK_TO_PX / Math.max(image.naturalWidth || 1, image.naturalHeight || 1));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round((image.naturalWidth || SHRINK_TO_PX) * scale));
  canvas.height = Math.max(1, Math.round((image.naturalHeight || SHRINK_TO_PX) * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/webp", 0.85));
  return { mime: blob.type, data: new Uint8Array(await blob.arrayBuffer()) };
}
