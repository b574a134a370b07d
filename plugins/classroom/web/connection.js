/**
 * One RTCPeerConnection of rtc/PROTOCOL.md and the offers over it, and how each source is encoded.
 * `media.js` is what pages use; it says when to offer and what to do with the answers.
 */

const ANSWER_TIMEOUT_MS = 8000;

/** The sources a participant can publish, and the kind of each. */
export const KIND_OF = { camera: "video", microphone: "audio", screen: "video", screen_audio: "audio" };

const newId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** Simulcast for cameras: as many encodings as the picture is worth; small pictures are not cut into three. */
export function encodingsFor(source, track) {
  if (source === "screen") return [{ maxBitrate: 2_500_000, maxFramerate: 15 }];
  if (KIND_OF[source] === "audio") return [{ maxBitrate: source === "microphone" ? 32_000 : 96_000 }];
  const width = track.getSettings().width || 640;
  const full = width >= 1200 ? 1_700_000 : width >= 900 ? 1_200_000 : 700_000;
  const layers = [
    { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 120_000 },
    { rid: "h", scaleResolutionDownBy: 2, maxBitrate: width >= 900 ? 350_000 : 200_000 },
    { rid: "f", scaleResolutionDownBy: 1, maxBitrate: full },
  ];
  return (width >= 900 ? layers : layers.slice(1)).map((one) => ({ ...one, scalabilityMode: "L1T3" }));
}

/** One RTCPeerConnection and the offer/answer exchange over it: one offer at a time, the last wish wins. */
export class Connection {
  constructor(kind, session) {
    this.kind = kind;
    this.session = session;
    this.id = newId();
    this.seq = 0;
    this.pending = false;
    this.again = false;
    this.restartWanted = false;
    this.troubleSince = 0;
    this.restartedAt = 0;
    this.closed = false;
    this.pc = new RTCPeerConnection({
      iceServers: session.iceServers,
      iceTransportPolicy: session.iceTransportPolicy,
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
    });
    this.pc.oniceconnectionstatechange = () => this.session.stateChanged();
    this.pc.onconnectionstatechange = () => this.session.stateChanged();
  }

  get state() {
    return this.closed ? "closed" : this.pc.connectionState;
  }

  get healthy() {
    return this.pc.connectionState === "connected" && this.pc.iceConnectionState !== "disconnected";
  }

  /** Offer now, or once the answer under way has come. */
  async negotiate(restart = false) {
    this.restartWanted = this.restartWanted || restart;
    if (this.pending) {
      this.again = true;
      return;
    }
    if (this.closed || !this.session.open) return;
    this.pending = true;
    this.again = false;
    try {
      const offer = await this.pc.createOffer({ iceRestart: this.restartWanted });
      this.restartWanted = false;
      await this.pc.setLocalDescription(offer);
      if (this.closed) return;
      this.seq += 1;
      const message = { type: "offer", kind: this.kind, connection: this.id, seq: this.seq };
      message.sdp = this.pc.localDescription.sdp;
      if (this.kind === "publisher") message.tracks = this.session.describePublished();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.abandonOffer(), ANSWER_TIMEOUT_MS);
      if (!this.session.send(message)) await this.abandonOffer();
    } catch (error) {
      this.pending = false;
      this.session.onError({ kind: "browser", detail: String(error), re: "offer" });
    }
  }

  async accept(message) {
    if (this.closed || message.connection !== this.id || message.seq !== this.seq) return false;
    clearTimeout(this.timer);
    try {
      await this.pc.setRemoteDescription({ type: "answer", sdp: message.sdp });
    } catch (error) {
      this.session.onError({ kind: "browser", detail: String(error), re: "answer" });
      this.session.renew(this.kind);
      return false;
    } finally {
      this.pending = false;
      this.replaced?.close();
      this.replaced = null;
    }
    if (this.again) queueMicrotask(() => this.negotiate());
    return true;
  }

  /** The answer was lost with the socket, or refused: the next offer starts from a stable state. */
  async abandonOffer() {
    clearTimeout(this.timer);
    if (!this.pending) return;
    try {
      if (this.pc.signalingState === "have-local-offer") await this.pc.setLocalDescription({ type: "rollback" });
    } catch {
      // A connection that was closed meanwhile has nothing to roll back.
    }
    this.pending = false;
    this.restartWanted = this.restartWanted || (this.wasUp && !this.healthy);
    if (this.again) this.negotiate();
  }

  /** Out of use, but not closed: its goodbye to the node would arrive before the offer that replaces it. */
  retire() {
    this.closed = true;
    clearTimeout(this.timer);
    this.pc.oniceconnectionstatechange = null;
    this.pc.onconnectionstatechange = null;
  }

  close() {
    this.retire();
    this.pc.close();
    this.replaced?.close();
  }
}

/** VP8 first: it is the codec whose layers the node understands. */
export function preferVp8(transceiver) {
  const codecs = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs;
  if (!codecs || !transceiver.setCodecPreferences) return;
  const first = codecs.filter((one) => one.mimeType.toLowerCase() === "video/vp8");
  const rest = codecs.filter((one) => one.mimeType.toLowerCase() !== "video/vp8");
  try {
    transceiver.setCodecPreferences([...first, ...rest]);
  } catch {
    // An older browser keeps its own order, which has VP8 first too.
  }
}
