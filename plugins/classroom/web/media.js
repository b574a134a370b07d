/**
 * The browser's side of rtc/PROTOCOL.md: one publisher and one subscriber RTCPeerConnection.
 *
 *   const session = new MediaSession({ send, onTrack, onTrackRemoved, onState, onQuality, ... });
 *   session.reconnected();                  // after the room WebSocket came back (the first hello is said by itself)
 *   session.handle(message);                // every {"type": "media"} message of the room WebSocket
 *   session.publish("camera", track);
 *
 * send(message) puts {"type": "media", "message": message} on the room WebSocket; false when that is not possible.
 * onTrack({participant_id, source, track, muted}), onTrackRemoved({participant_id, source}),
 * onMuted({participant_id, source, muted}), onSpeakers([{participant_id, level}]), onQuality(message),
 * onMuteRequest({source, muted}): an instructor muted us (already done) or asks us to unmute,
 * onError({kind, detail, re}),
 * onState({state, publisher, subscriber}): state is "connecting" | "connected" | "reconnecting" | "closed".
 *
 * Coming back after a cut: nothing at first (media resumes by itself), an ICE restart once a connection is
 * "disconnected" or the network changed, a new connection when that did not help for RENEW_AFTER_MS, and at once
 * when the media moved to another node. Meanwhile the last pictures stay: nothing on the page but the small mark.
 */

import { Connection, encodingsFor, KIND_OF, preferVp8 } from "./connection.js";

export const PROTOCOL_VERSION = 1;
const RESTART_AFTER_MS = 500;
const RESTART_EVERY_MS = 4000;
const RENEW_AFTER_MS = 10000;
const HELLO_AGAIN_MS = 1000;
const HOLD_MS = 8000;
/** In a full room a short first offer brings the speaker at once; the others follow when that is on the screen. */
const FIRST_OF_KIND = 4;
const REST_AFTER_MS = 500;
const REST_AT_MOST_MS = 2000;
const noop = () => {};

const trackKey = (track) => `${track.participant_id}/${track.source}`;

export class MediaSession {
  constructor({
    send,
    onTrack = noop,
    onTrackRemoved = noop,
    onState = noop,
    onQuality = noop,
    onMuted = noop,
    onMuteRequest = noop,
    onSpeakers = noop,
    onError = noop,
    iceServers = [],
    iceTransportPolicy = "all",
  }) {
    Object.assign(this, { onTrack, onTrackRemoved, onState, onQuality, onMuted, onMuteRequest, onSpeakers, onError });
    this.sendMessage = send;
    this.iceServers = iceServers;
    this.iceTransportPolicy = iceTransportPolicy;
    this.holdUntil = 0;
    this.open = false;
    this.closed = false;
    this.published = new Map();
    this.remote = new Map();
    this.wanted = [];
    this.publisher = null;
    this.subscriber = null;
    this.retired = { publisher: null, subscriber: null };
    this.wasConnected = false;
    this.limits = { publish: [], subscribe: true };
    this.visible = null;
    this.watched = new Map();
    this.lastState = "";
    this.watchdog = setInterval(() => this.watch(), 250);
    this.networkChanged = () => this.restart(this.connections());
    globalThis.addEventListener?.("online", this.networkChanged);
    globalThis.navigator?.connection?.addEventListener?.("change", this.networkChanged);
    queueMicrotask(() => this.reconnected());
  }

  /** Whether it went out. Without the room WebSocket media goes on, but nothing can be negotiated. */
  send(message) {
    if (this.closed) return false;
    if (this.sendMessage(message) !== false) return true;
    this.suspend();
    return false;
  }

  /** The room WebSocket is open and the seat is taken: find out what the node still holds. Safe to call again. */
  reconnected() {
    if (this.closed) return;
    this.send({
      type: "hello",
      version: PROTOCOL_VERSION,
      publisher: this.publisher?.id ?? null,
      subscriber: this.subscriber?.id ?? null,
    });
  }

  /** The room WebSocket went away. Calling this is optional: a failed send says the same. */
  suspend() {
    this.open = false;
    for (const connection of this.connections()) connection.abandonOffer();
  }

  async handle(message) {
    if (this.closed) return;
    switch (message.type) {
      case "welcome":
        return this.welcome(message);
      case "answer":
        return this.answered(message);
      case "tracks":
        this.wanted = message.tracks;
        return this.subscribe();
      case "muted":
        return this.remoteMuted(message);
      case "mute":
        return this.mutedByServer(message);
      case "speakers":
        return this.onSpeakers(message.speakers);
      case "quality":
        return this.onQuality(message);
      case "moved":
        return this.moved();
      case "restart":
        return this.restart(this.connections().filter((one) => one.id === message.connection));
      case "encodings":
        for (const one of message.tracks) this.watched.set(one.source, one);
        return this.applyWatched();
      case "closed":
        return this.closedByNode(message);
      case "error":
        return this.refused(message);
      default:
        return undefined;
    }
  }

  /** Send a track as camera, microphone, screen or screen_audio; an earlier one of that kind is replaced. */
  async publish(source, track, { muted = false } = {}) {
    if (!(source in KIND_OF) || track.kind !== KIND_OF[source]) throw new TypeError(`cannot publish as ${source}`);
    const entry = this.published.get(source);
    track.enabled = !muted;
    if (entry) {
      entry.track = track;
      this.setMuted(source, muted);
      if (entry.transceiver) await entry.transceiver.sender.replaceTrack(track);
      return;
    }
    if (source === "screen" && "contentHint" in track) track.contentHint = "detail";
    this.published.set(source, { track, muted, transceiver: null });
    this.offerPublished();
  }

  async unpublish(source) {
    const entry = this.published.get(source);
    if (!entry) return;
    this.published.delete(source);
    if (entry.transceiver) {
      entry.transceiver.direction = "inactive";
      await entry.transceiver.sender.replaceTrack(null);
    }
    this.offerPublished();
  }

  setMuted(source, muted) {
    const entry = this.published.get(source);
    if (!entry) return;
    entry.track.enabled = !muted;
    if (entry.muted === muted) return;
    entry.muted = muted;
    if (this.open) this.send({ type: "mute", source, muted });
  }

  /** Pictures on the screen now: [{participant_id, source, width, height}], CSS px. Others are not sent. */
  setVisible(tracks) {
    const scale = globalThis.devicePixelRatio || 1;
    const side = (value) => Math.min(16384, Math.max(0, Math.round(value * scale) || 0));
    const visible = tracks.map((one) => ({ ...one, width: side(one.width), height: side(one.height) }));
    if (JSON.stringify(visible) === JSON.stringify(this.visible)) return;
    this.visible = visible;
    if (this.open) this.send({ type: "visible", tracks: visible });
  }

  /** Numbers of both connections, by remote track and by own source. */
  async getStats() {
    const result = { publisher: [], subscriber: [], rtt_ms: null };
    for (const connection of this.connections()) {
      const report = await connection.pc.getStats();
      for (const one of report.values()) {
        if (one.type === "candidate-pair" && one.nominated && one.currentRoundTripTime !== undefined)
          result.rtt_ms = Math.round(one.currentRoundTripTime * 1000);
        if (one.type === "outbound-rtp") result.publisher.push({ ...one, source: this.sourceOfMid(one.mid) });
        if (one.type === "inbound-rtp") {
          const remote = [...this.remote.values()].find((track) => track.mid === one.mid && track.connection === connection.id);
          if (remote) result.subscriber.push({ ...one, participant_id: remote.participant_id, source: remote.source });
        }
      }
    }
    return result;
  }

  close() {
    if (this.closed) return;
    if (this.open) this.send({ type: "bye" });
    this.closed = true;
    this.open = false;
    clearInterval(this.watchdog);
    clearTimeout(this.helloTimer);
    globalThis.removeEventListener?.("online", this.networkChanged);
    globalThis.navigator?.connection?.removeEventListener?.("change", this.networkChanged);
    for (const connection of this.connections()) connection.close();
    for (const connection of Object.values(this.retired)) connection?.close();
    this.removeAllRemote();
    this.onState({ state: "closed", publisher: "closed", subscriber: "closed" });
  }

  connections() {
    return [this.publisher, this.subscriber].filter(Boolean);
  }

  // --- the node's messages

  async welcome(message) {
    this.open = true;
    this.limits = message.limits;
    this.wanted = message.tracks;
    if (this.visible) this.send({ type: "visible", tracks: this.visible });
    for (const kind of ["publisher", "subscriber"]) {
      const connection = this[kind];
      if (connection && connection.id !== message[kind]) this.retire(kind);
      else if (connection) await connection.abandonOffer();
    }
    if (this.published.size) this.offerPublished();
    await this.subscribe();
  }

  async answered(message) {
    const connection = this[message.kind];
    if (!connection || !(await connection.accept(message))) return;
    if (message.kind === "subscriber") {
      this.place(message.mids);
      if (!connection.begun) this.subscribeRest(connection);
    } else this.applyWatched();
    this.stateChanged();
  }

  refused(message) {
    this.onError(message);
    if (message.re === "hello" && message.kind !== "version") this.helloLater();
    if (message.re !== "offer") return;
    for (const connection of this.connections())
      if (connection.pending && connection.seq === message.seq) {
        connection.again = false;
        connection.abandonOffer();
      }
  }

  remoteMuted(message) {
    const remote = this.remote.get(trackKey(message));
    if (remote) remote.muted = message.muted;
    this.onMuted({ participant_id: message.participant_id, source: message.source, muted: message.muted });
  }

  mutedByServer(message) {
    const entry = this.published.get(message.source);
    if (entry && message.muted) {
      entry.muted = true;
      entry.track.enabled = false;
    }
    this.onMuteRequest({ source: message.source, muted: message.muted });
  }

  /** Another node has our media now, or ours began anew: it holds no connection of ours. */
  moved() {
    for (const kind of ["publisher", "subscriber"]) this.retire(kind);
    this.open = false;
    this.reconnected();
    this.stateChanged();
  }

  helloLater() {
    clearTimeout(this.helloTimer);
    this.helloTimer = setTimeout(() => this.reconnected(), HELLO_AGAIN_MS);
  }

  closedByNode(message) {
    for (const kind of message.kind ? [message.kind] : ["publisher", "subscriber"]) {
      if (message.reason === "lost" || message.reason === "dtls") this.renew(kind);
      else if (message.reason === "removed" || message.reason === "room_closed") this.drop(kind);
    }
    this.stateChanged();
  }

  // --- publishing

  describePublished() {
    const tracks = [];
    for (const [source, entry] of this.published)
      if (entry.transceiver?.mid) tracks.push({ mid: entry.transceiver.mid, source, muted: entry.muted });
    return tracks;
  }

  sourceOfMid(mid) {
    for (const [source, entry] of this.published) if (entry.transceiver?.mid === mid) return source;
    return null;
  }

  offerPublished() {
    if (!this.open || this.closed) return;
    if (!this.publisher) {
      if (!this.published.size) return;
      this.publisher = this.connect("publisher");
    }
    const { pc } = this.publisher;
    for (const [source, entry] of this.published) {
      if (entry.transceiver) continue;
      entry.transceiver = this.idleSender(pc, source, entry.track) ?? pc.addTransceiver(entry.track, {
        direction: "sendonly",
        sendEncodings: encodingsFor(source, entry.track),
      });
      entry.transceiver.hilinkSource = source;
      if (KIND_OF[source] === "video") preferVp8(entry.transceiver);
    }
    this.publisher.negotiate();
    this.stateChanged();
  }

  /** Encode only what somebody watches, as the node said. One change at a time: browsers want the last parameters. */
  async applyWatched() {
    this.watchedAgain = true;
    if (this.applying) return;
    this.applying = true;
    while (this.watchedAgain) {
      this.watchedAgain = false;
      for (const [source, entry] of this.published) await this.activate(entry.transceiver?.sender, this.watched.get(source));
    }
    this.applying = false;
  }

  async activate(sender, watched) {
    if (!sender?.setParameters || !watched) return;
    try {
      const parameters = sender.getParameters();
      const wanted = (one) => watched.active && (!watched.rids.length || watched.rids.includes(one.rid));
      const changed = (parameters.encodings ?? []).filter((one) => (one.active ?? true) !== wanted(one));
      for (const one of changed) one.active = wanted(one);
      if (changed.length) await sender.setParameters(parameters);
    } catch {
      // A browser that cannot sends everything, as before.
    }
  }

  /** A transceiver of the same source that was unpublished; others differ in their encodings. */
  idleSender(pc, source, track) {
    const found = pc.getTransceivers().find((one) => one.hilinkSource === source && one.direction === "inactive");
    if (!found) return null;
    found.direction = "sendonly";
    found.sender.replaceTrack(track);
    return found;
  }

  // --- subscribing

  async subscribe() {
    if (!this.open || this.closed) return;
    for (const remote of [...this.remote.values()])
      if (!this.held(remote) && !this.wants(remote)) this.removeRemote(remote);
    for (const track of this.wanted) {
      const remote = this.remote.get(trackKey(track));
      if (remote && remote.muted !== track.muted) this.remoteMuted(track);
    }
    if (!this.subscriber) {
      if (!this.wanted.length) return;
      this.subscriber = this.connect("subscriber");
    }
    const { pc } = this.subscriber;
    const most = this.subscriber.begun ? Infinity : FIRST_OF_KIND;
    for (const kind of ["audio", "video"]) {
      const have = pc.getTransceivers().filter((one) => one.receiver.track.kind === kind).length;
      const need = Math.min(most, this.wanted.filter((one) => one.kind === kind).length);
      for (let count = have; count < need; count += 1) pc.addTransceiver(kind, { direction: "recvonly" });
    }
    await this.subscriber.negotiate();
    this.stateChanged();
  }

  /** Negotiating a hundred sections keeps a page busy: not before the first picture had its chance. */
  async subscribeRest(connection) {
    connection.begun = true;
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    if (this.wanted.length > this.subscriber.pc.getTransceivers().length) {
      for (let waited = 0; waited < REST_AT_MOST_MS && connection.pc.connectionState !== "connected"; waited += 50) await pause(50);
      await pause(REST_AFTER_MS);
    }
    return this.subscribe();
  }

  /** After an answer: deliver tracks by the node's own mapping of mids. */
  place(mids) {
    const now = new Map();
    for (const transceiver of this.subscriber.pc.getTransceivers()) {
      const placed = mids[transceiver.mid];
      if (!placed) continue;
      const { id } = this.subscriber;
      now.set(trackKey(placed), { ...placed, mid: transceiver.mid, track: transceiver.receiver.track, connection: id });
    }
    for (const [key, old] of [...this.remote]) {
      const next = now.get(key);
      if (next ? next.track !== old.track : !this.held(old)) this.removeRemote(old);
    }
    for (const [key, next] of now) {
      if (this.remote.has(key)) continue;
      this.remote.set(key, next);
      this.onTrack({ participant_id: next.participant_id, source: next.source, track: next.track, muted: next.muted });
    }
  }

  wants(remote) {
    return this.wanted.some((track) => trackKey(track) === trackKey(remote));
  }

  /** A picture of a connection that is gone stays on the screen until the new one has it, for a while. */
  held(remote) {
    return remote.connection !== this.subscriber?.id && Date.now() < this.holdUntil;
  }

  letGo() {
    this.holdUntil = 0;
    for (const remote of [...this.remote.values()])
      if (remote.connection !== this.subscriber?.id || !this.wants(remote)) this.removeRemote(remote);
    for (const kind of ["publisher", "subscriber"]) {
      if (this[kind]) continue;
      this.retired[kind]?.close();
      this.retired[kind] = null;
    }
  }

  removeRemote(remote) {
    this.remote.delete(trackKey(remote));
    this.onTrackRemoved({ participant_id: remote.participant_id, source: remote.source });
  }

  removeAllRemote() {
    for (const remote of [...this.remote.values()]) this.removeRemote(remote);
  }

  // --- staying connected

  connect(kind) {
    const connection = new Connection(kind, this);
    connection.replaced = this.retired[kind];
    this.retired[kind] = null;
    return connection;
  }

  drop(kind) {
    const connection = this[kind];
    if (!connection) return;
    this[kind] = null;
    this.retired[kind]?.close();
    this.retired[kind] = null;
    connection.close();
    this.forget(kind);
  }

  forget(kind) {
    if (kind === "subscriber") this.removeAllRemote();
    else for (const entry of this.published.values()) entry.transceiver = null;
  }

  /** A new connection, for when nothing else helped. */
  renew(kind) {
    if (this.closed || !this[kind]) return;
    this.retire(kind);
    if (kind === "publisher") this.offerPublished();
    else this.subscribe();
  }

  /** Out of use, and closed once its successor has its answer. */
  retire(kind) {
    const old = this[kind];
    if (!old) return;
    old.retire();
    this[kind] = null;
    this.retired[kind]?.close();
    this.retired[kind] = old;
    this.holdUntil = Date.now() + HOLD_MS;
    if (kind === "publisher") for (const entry of this.published.values()) entry.transceiver = null;
  }

  restart(connections) {
    for (const connection of connections) {
      connection.restartedAt = Date.now();
      connection.negotiate(true);
    }
  }

  watch() {
    const now = Date.now();
    if (this.holdUntil && now > this.holdUntil) this.letGo();
    for (const connection of this.connections()) {
      if (connection.healthy) {
        connection.troubleSince = 0;
        connection.wasUp = true;
        continue;
      }
      connection.troubleSince = connection.troubleSince || now;
      const trouble = now - connection.troubleSince;
      const failed = connection.pc.connectionState === "failed";
      if (!this.open) continue;
      if (trouble > RENEW_AFTER_MS || (failed && trouble > RESTART_EVERY_MS)) this.renew(connection.kind);
      else if ((connection.wasUp || failed) && trouble > RESTART_AFTER_MS) {
        if (now - connection.restartedAt > RESTART_EVERY_MS && !connection.pending) {
          connection.restartedAt = now;
          connection.negotiate(true);
        }
      }
    }
    this.stateChanged();
  }

  stateChanged() {
    if (this.closed) return;
    const connections = this.connections();
    const healthy = connections.every((one) => one.healthy);
    if (healthy && connections.length) this.wasConnected = true;
    const state = healthy && (connections.length || this.open) ? "connected" : this.wasConnected ? "reconnecting" : "connecting";
    const publisher = this.publisher?.state ?? "new";
    const subscriber = this.subscriber?.state ?? "new";
    const key = `${state} ${publisher} ${subscriber}`;
    if (key === this.lastState) return;
    this.lastState = key;
    this.onState({ state, publisher, subscriber });
  }
}
