// The way of the connection check to the media node: a ticket, one socket, and a MediaSession for each of its legs.
import { MediaSession } from "./media.js";

const OPEN_WITHIN_MS = 8000;

/** POST the ticket. {ok: true, ...answer} or {ok: false, message}; message is a sentence of the server, or "". */
async function fetchCheckTicket() {
  try {
    const response = await fetch("/api/v1/check/ticket", { method: "POST", credentials: "same-origin" });
    const body = await response.json().catch(() => ({}));
    return response.ok ? { ok: true, ...body } : { ok: false, message: body.message ?? "" };
  } catch {
    return { ok: false, message: "" };
  }
}

/** A CheckLink that is ready, or throws an Error whose message is the server's sentence or "". */
export async function openCheck() {
  const answer = await fetchCheckTicket();
  if (!answer.ok) throw new Error(answer.message);
  const link = new CheckLink(answer);
  await link.ready;
  return link;
}

/** onOver: the server's time for it is up, or the socket went. */
class CheckLink {
  constructor({ ticket, ws_path, ice_servers }) {
    this.iceServers = ice_servers ?? [];
    this.legs = new Map();
    this.over = false;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}${ws_path}?ticket=${encodeURIComponent(ticket)}`);
    this.ready = new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("")), OPEN_WITHIN_MS);
      this.socket.onmessage = (event) => this.receive(JSON.parse(event.data), resolve, reject);
      this.socket.onclose = () => {
        this.over = true;
        reject(new Error(""));
      };
    });
  }

  receive(frame, resolve, reject) {
    if (frame.type === "ready") resolve();
    else if (frame.type === "error") reject(new Error(frame.message ?? ""));
    else if (frame.type === "media") this.legs.get(frame.leg)?.handle(frame.message);
  }

  /** A media session by its own seat of the check's room; an earlier one of that leg is closed. */
  leg(name, options = {}) {
    this.legs.get(name)?.close();
    const send = (message) => {
      if (this.socket.readyState !== WebSocket.OPEN) return false;
      this.socket.send(JSON.stringify({ type: "media", leg: name, message }));
      return true;
    };
    const session = new MediaSession({ iceServers: [], ...options, send });
    this.legs.set(name, session);
    return session;
  }

  /** Addresses of the relay over "udp" or "tcp" (TLS counts as tcp); empty when there is none. */
  relays(transport) {
    const fits = (url) => (/transport=tcp/.test(url) || url.startsWith("turns:") ? "tcp" : "udp") === transport;
    return this.iceServers
      .map((one) => ({ ...one, urls: [one.urls].flat().filter(fits) }))
      .filter((one) => one.urls.length);
  }

  close() {
    for (const session of this.legs.values()) session.close();
    this.socket.close(1000);
  }
}
