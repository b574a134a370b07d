// The room's WebSocket: asks for a ticket, says hello, pings, and comes back by itself after a cut.
// Nothing here throws at its caller; what cannot be mended is told through onState.

const BACKOFF_MS = [300, 800, 1500, 3000, 5000, 8000];
const PING_MS = 8000;
const SILENCE_MS = 20000;
const LONG_WAIT_MS = 6000;

/** What a close code means for the person: over, denied, elsewhere, removed, or null = try again. */
const FINAL = { 1000: "over", 4403: "denied", 4409: "elsewhere", 4410: "removed" };

/** POST the ticket. {ok: true, ...answer} or {ok: false, status, code, message, session, opens_at}; status 0 = no network. */
export async function fetchTicket(sessionId) {
  try {
    const response = await fetch(`/api/v1/rooms/${encodeURIComponent(sessionId)}/ticket`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    const body = await response.json().catch(() => ({}));
    if (response.ok) return { ok: true, ...body };
    const error = body?.error ?? body?.detail ?? body ?? {};
    const session = body?.session ?? error.session ?? null;
    const opens_at = body?.opens_at ?? error.opens_at ?? null;
    return { ok: false, status: response.status, code: error.code ?? "", message: error.message ?? "", session, opens_at };
  } catch {
    return { ok: false, status: 0, code: "offline", message: "", session: null, opens_at: null };
  }
}

/** An address and a token for another program. kind: whip (it sends) or whep (it watches). {message} when refused. */
export async function fetchToken(sessionId, kind) {
  try {
    const response = await fetch(`/api/v1/rooms/${encodeURIComponent(sessionId)}/${kind}-token`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    return await response.json();
  } catch {
    return { message: "" };
  }
}

const address = (path, ticket) => {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${path || "/ws/room"}?ticket=${encodeURIComponent(ticket)}`;
};

/**
 * hello(): the fields of the hello frame. onMessage(frame). onTicket(answer).
 * onState(state, detail): connecting | open | lost | over | denied | elsewhere | removed | refused.
 */
export class RoomSocket {
  constructor({ sessionId, hello, onMessage, onState, onTicket }) {
    Object.assign(this, { sessionId, hello, onMessage, onState, onTicket });
    this.socket = null;
    this.tries = 0;
    this.closed = false;
    this.timer = 0;
    this.heard = 0;
    this.online = () => this.hurry();
    window.addEventListener("online", this.online);
    document.addEventListener("visibilitychange", this.online);
  }

  /** Open; `first` is a ticket answer that is still fresh. */
  async connect(first = null) {
    if (this.closed || this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    this.onState(this.tries ? "lost" : "connecting");
    const answer = first?.ticket ? first : await fetchTicket(this.sessionId);
    this.busy = false;
    if (this.closed) return;
    if (!answer.ok) return this.refused(answer);
    this.onTicket(answer);
    this.open(answer);
  }

  refused(answer) {
    const mendable = answer.status === 0 || answer.status === 429 || answer.status >= 500;
    if (mendable) return this.later();
    this.finish("refused", answer);
  }

  open(answer) {
    let socket;
    try {
      socket = new WebSocket(address(answer.ws_path, answer.ticket));
    } catch {
      return this.later();
    }
    this.socket = socket;
    const slow = setTimeout(() => socket.readyState === WebSocket.CONNECTING && socket.close(), LONG_WAIT_MS);
    socket.onopen = () => {
      clearTimeout(slow);
      this.heard = Date.now();
      this.send({ type: "hello", version: 1, ...this.hello() });
      clearInterval(this.pinging);
      this.pinging = setInterval(() => this.beat(socket), PING_MS);
    };
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = (event) => {
      clearTimeout(slow);
      if (this.socket === socket) this.ended(event.code);
    };
  }

  receive(socket, data) {
    if (this.socket !== socket) return;
    this.heard = Date.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === "welcome" || frame.type === "waiting") {
      this.tries = 0;
      this.ticketTried = false;
      this.onState("open");
    }
    this.onMessage(frame);
  }

  beat(socket) {
    if (Date.now() - this.heard > SILENCE_MS) {
      this.drop(socket);
      return;
    }
    this.send({ type: "ping", at: Date.now() });
  }

  /** A half-open socket may take minutes to say so: forget it and start again. */
  drop(socket) {
    if (this.socket !== socket) return;
    this.socket = null;
    clearInterval(this.pinging);
    socket.close();
    this.later();
  }

  ended(code) {
    clearInterval(this.pinging);
    this.socket = null;
    if (this.closed) return;
    if (FINAL[code]) return this.finish(FINAL[code]);
    if (code === 4401 && !this.ticketTried) {
      this.ticketTried = true;
      return this.connect();
    }
    this.later(code === 4429 ? 5000 : 0);
  }

  later(least = 0) {
    if (this.closed) return;
    const wait = Math.max(least, BACKOFF_MS[Math.min(this.tries, BACKOFF_MS.length - 1)] * (0.8 + Math.random() * 0.4));
    this.tries += 1;
    this.onState("lost");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), wait);
  }

  /** The network or the tab is back: do not wait for the timer. */
  hurry() {
    if (this.closed || this.socket || this.busy || document.hidden || !this.tries) return;
    this.connect();
  }

  /** True when the frame left. */
  send(frame) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    try {
      this.socket.send(JSON.stringify(frame));
      return true;
    } catch {
      return false;
    }
  }

  finish(state, detail = null) {
    this.close();
    this.onState(state, detail);
  }

  /** Leave for good: the server frees the seat. */
  leave() {
    this.send({ type: "leave" });
    this.close(1000);
  }

  /** Stop without a word (4000): the seat is kept for a while. */
  close(code = 4000) {
    this.closed = true;
    clearTimeout(this.timer);
    clearInterval(this.pinging);
    window.removeEventListener("online", this.online);
    document.removeEventListener("visibilitychange", this.online);
    const socket = this.socket;
    this.socket = null;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(code);
  }
}
