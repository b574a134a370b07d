// The steps of the connection check, in order, without React. Each ends with {state, sentence, numbers}.
import { hears, madeTracks, measure, publisherUp, within } from "./checkMedia.js";
import { openCheck } from "./checkLink.js";
import { openDevice, watchLevel } from "./devices.js";
import { readPrefs } from "./prefs.js";

const CONNECT_MS = 8000;
const RELAY_MS = 8000;
const LISTEN_MS = 8000;
const LOUD = 0.45;
const MEASURE_S = 5;
const ENOUGH_BPS = 400_000;
const LITTLE_BPS = 120_000;
const FAR_MS = 400;
const LOSSY = 0.05;

/** What each step is called; also their order. state: waiting | running | ok | warn | bad | none (not set up here). */
export const STEPS = ["browser", "camera", "microphone", "speaker", "direct", "relay_udp", "relay_tcp", "bandwidth", "line"];

export const stepNames = (t) => ({
  browser: t("Browser"),
  camera: t("Camera"),
  microphone: t("Microphone"),
  speaker: t("Speaker"),
  direct: t("Direct way to the lesson"),
  relay_udp: t("Detour, first way (UDP)"),
  relay_tcp: t("Detour, second way (TCP)"),
  bandwidth: t("Speed"),
  line: t("Delay and loss"),
});

const ok = (sentence, numbers = {}) => ({ state: "ok", sentence, numbers });
const warn = (sentence, numbers = {}) => ({ state: "warn", sentence, numbers });
const bad = (sentence, numbers = {}) => ({ state: "bad", sentence, numbers });
const none = (sentence) => ({ state: "none", sentence, numbers: {} });

/**
 * One check. on: {step(name, result), camera(track), level(0..1), progress(0..1), heard(): Promise<bool>}.
 * heard() plays the sound and resolves to the person's answer. run() resolves to {name: result}.
 */
export class Check {
  constructor(t, on) {
    Object.assign(this, { t, on, results: {}, closed: false, tracks: [] });
  }

  async run() {
    for (const name of STEPS) {
      if (this.closed) return this.results;
      this.on.step(name, { state: "running", sentence: "", numbers: {} });
      this.results[name] = await this[name]();
      if (!this.closed) this.on.step(name, this.results[name]);
    }
    this.close();
    return this.results;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.link?.close();
    this.made?.stop();
    for (const track of this.tracks) track.stop();
    this.on.camera(null);
  }

  async browser() {
    const { t } = this;
    const able = globalThis.RTCPeerConnection && globalThis.WebSocket && HTMLCanvasElement.prototype.captureStream;
    if (!able) return bad(t("This browser cannot take part in video lessons. Please use a current Chrome, Edge, Firefox or Safari."));
    const codecs = (RTCRtpReceiver.getCapabilities?.("video")?.codecs ?? []).map((one) => one.mimeType.toLowerCase());
    if (codecs.length && !codecs.includes("video/vp8"))
      return bad(t("This browser cannot show the lesson's pictures. Please update it or use another one."));
    if (!navigator.mediaDevices?.getUserMedia)
      return warn(t("This address is not secure, so the browser keeps camera and microphone off. Use the address that begins with https."));
    return ok(t("This browser can do everything a lesson needs."), { codecs: new Set(codecs).size });
  }

  async camera() {
    const { t } = this;
    const { track, error } = await openDevice("camera", readPrefs().cameraId);
    if (track) {
      this.tracks.push(track);
      this.on.camera(track);
      const { width = 0, height = 0 } = track.getSettings();
      return ok(t("Your camera works."), { width, height });
    }
    const words = {
      denied: t("The browser may not use the camera. Allow it beside the address and check again."),
      missing: t("No camera was found. You can take part without one."),
      busy: t("Another program is using the camera. Close it and check again."),
      insecure: t("This address is not secure, so the browser keeps the camera off."),
    };
    return warn(words[error] ?? t("The camera did not start. Unplug it, plug it in and check again."));
  }

  async microphone() {
    const { t } = this;
    const { track, error } = await openDevice("microphone", readPrefs().microphoneId);
    const words = {
      denied: t("The browser may not use the microphone. Allow it beside the address and check again."),
      missing: t("No microphone was found. You can listen and write in the chat."),
      busy: t("Another program is using the microphone. Close it and check again."),
      insecure: t("This address is not secure, so the browser keeps the microphone off."),
    };
    if (!track) return bad(words[error] ?? t("The microphone did not start. Unplug it, plug it in and check again."));
    this.tracks.push(track);
    let most = 0;
    const stop = watchLevel(track, (level) => {
      most = Math.max(most, level);
      this.on.level(level);
    });
    const heard = await within(LISTEN_MS, () => most > LOUD || this.closed);
    stop();
    const numbers = { level: Number(most.toFixed(2)) };
    return heard
      ? ok(t("Your microphone works: we hear you."), numbers)
      : warn(t("The microphone is on, but we heard nothing. Is it muted, or is another one chosen?"), numbers);
  }

  async speaker() {
    const { t } = this;
    return (await this.on.heard())
      ? ok(t("You hear the lesson."))
      : warn(t("You did not hear the sound. Turn the volume up, or choose another speaker in your system's settings."));
  }

  /** Sends and hears itself over the node's own UDP port. */
  async direct() {
    const { t } = this;
    try {
      this.link = await openCheck();
    } catch (error) {
      this.unreachable = true;
      return bad(error.message || t("The lesson's server cannot be reached. Check your internet connection and try again."));
    }
    this.made = madeTracks();
    const began = performance.now();
    if (!(await this.loop({}))) return warn(t("Sound and pictures do not get through directly: this network blocks UDP. A detour may help."));
    this.way = {};
    return ok(t("Sound and pictures get through directly."), { ms: Math.round(performance.now() - began) });
  }

  /** Legs up and down by a way (options of MediaSession); whether what is sent is heard. */
  async loop(way) {
    this.up = this.link.leg("up", way);
    this.down = this.link.leg("down", way);
    this.down.setVisible([{ participant_id: "up", source: "camera", width: 1280, height: 720 }]);
    await Promise.all([this.up.publish("camera", this.made.camera), this.up.publish("microphone", this.made.microphone)]);
    return within(CONNECT_MS, () => this.closed || hears(this.down));
  }

  relay_udp() {
    return this.relay("udp");
  }

  relay_tcp() {
    return this.relay("tcp");
  }

  async relay(transport) {
    const { t } = this;
    if (this.unreachable) return none(t("Not tried: the server cannot be reached."));
    const iceServers = this.link.relays(transport);
    if (!iceServers.length) return none(t("Not set up here."));
    const way = { iceServers, iceTransportPolicy: "relay" };
    const session = this.link.leg(transport, way);
    const began = performance.now();
    await session.publish("microphone", this.made.microphone.clone());
    const up = await within(RELAY_MS, () => this.closed || publisherUp(session));
    session.close();
    if (!up) return this.way ? none(t("It does not work here, but you do not need it.")) : bad(t("This way is blocked too."));
    this.way ??= way;
    return ok(t("It works, should the direct way fail."), { ms: Math.round(performance.now() - began) });
  }

  async bandwidth() {
    const { t } = this;
    if (!this.way) return none(t("Not measured: nothing gets through."));
    if (this.way.iceServers && !(await this.loop(this.way))) return bad(t("The detour broke off. Please check again."));
    this.measured = await measure(this.up, this.down, MEASURE_S, this.on.progress);
    const { up_bps, down_bps } = this.measured;
    const numbers = { up_kbps: Math.round(up_bps / 1000), down_kbps: Math.round(down_bps / 1000) };
    const least = Math.min(up_bps, down_bps);
    if (least >= ENOUGH_BPS) return ok(t("Fast enough for pictures both ways."), numbers);
    if (least >= LITTLE_BPS) return warn(t("Rather slow: sound is fine, pictures will be small. Move closer to the router, or end other downloads."), numbers);
    return bad(t("Too slow for pictures. Join with the camera off, move closer to the router, or end other downloads."), numbers);
  }

  async line() {
    const { t } = this;
    if (!this.measured) return none(t("Not measured: nothing gets through."));
    const { loss, rtt_ms } = this.measured;
    const numbers = { loss_percent: Number((100 * loss).toFixed(1)), ...(rtt_ms === null ? {} : { rtt_ms }) };
    if (loss >= LOSSY) return warn(t("Much gets lost on the way, so sound may break up. Use a cable or move closer to the router."), numbers);
    if ((rtt_ms ?? 0) >= FAR_MS) return warn(t("What you say arrives late. Leave a moment before you answer; a VPN may be the reason."), numbers);
    return ok(t("Short delay, hardly anything lost."), numbers);
  }
}

/** {ready, title, sentence}: what is wrong first, or that all is well. */
export function verdict(t, results) {
  const reached = ["direct", "relay_udp", "relay_tcp"].some((name) => results[name]?.state === "ok");
  const order = ["browser", "direct", "microphone", "bandwidth", "camera", "speaker", "line"];
  if (results.browser?.state !== "bad" && !reached)
    return {
      ready: false,
      title: t("Sound and pictures cannot reach the lesson from here"),
      sentence:
        results.direct?.state === "bad"
          ? results.direct.sentence
          : t("This network blocks them. Try another network, such as a phone's hotspot, or ask whoever runs it to allow video calls."),
    };
  const worst = order.find((name) => results[name]?.state === "bad");
  if (worst) return { ready: false, title: t("Something needs your attention"), sentence: results[worst].sentence };
  const detour = results.direct?.state !== "ok";
  const odd = order.find((name) => results[name]?.state === "warn" && name !== "direct");
  if (odd) return { ready: true, title: t("You can take part"), sentence: results[odd].sentence };
  return { ready: true, title: t("You are ready for a lesson"), sentence: detour ? t("The direct way is blocked, but the detour works.") : "" };
}

/** Numbers for support: no names, no addresses. */
export function report(results) {
  const lines = STEPS.filter((name) => results[name]).map((name) => {
    const { state, numbers } = results[name];
    const pairs = Object.entries(numbers).map(([key, value]) => `${key}=${value}`);
    return [name, state, ...pairs].join(" ");
  });
  return ["HiLink connection check", ...lines].join("\n");
}
