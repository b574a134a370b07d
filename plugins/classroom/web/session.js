// One visit to the room: the socket, the media connection and this device's own tracks, without React.
import { openDevice, openScreen } from "./devices.js";
import { reportLine } from "./lineStats.js";
import { MediaSession } from "./media.js";
import { readPrefs, readResume, writePrefs, writeResume } from "./prefs.js";
import { fetchTicket, RoomSocket } from "./roomSocket.js";

const TICKET_FRESH_MS = 40_000;
const NOTHING = { on: false, track: null, error: "" };

export const trackKey = (participantId, source) => `${participantId}/${source}`;

/**
 * on: {frame(frame), connection(state, detail), ticket(answer), local(local), tracks(tracks), ended(kind)}.
 * local: {camera, microphone, screen: {on, track, error}}; tracks: {"participant/source": MediaStreamTrack}.
 */
export class RoomSession {
  constructor(sessionId, on) {
    this.sessionId = sessionId;
    this.on = on;
    this.local = { camera: NOTHING, microphone: NOTHING, screen: NOTHING };
    this.tracks = {};
    this.starting = {};
    this.closed = false;
  }

  /** ticket: the answer of the ticket request and when it came; devices: {camera, microphone} from the device check. */
  join(ticket, ticketAt, devices) {
    this.ticket = ticket;
    this.waited = Boolean(ticket.waiting);
    this.socket = new RoomSocket({
      sessionId: this.sessionId,
      hello: () => ({
        resume: readResume(this.sessionId) || this.ticket?.resume || "",
        device: { camera: this.local.camera.on, microphone: this.local.microphone.on },
      }),
      onTicket: (answer) => this.ticketCame(answer),
      onMessage: (frame) => this.receive(frame),
      onState: (state, detail) => this.on.connection(state, detail),
    });
    for (const kind of ["camera", "microphone"]) this.adopt(kind, devices[kind]);
    this.socket.connect(Date.now() - ticketAt < TICKET_FRESH_MS ? ticket : null);
  }

  adopt(kind, device) {
    if (!device?.track) {
      this.set(kind, { ...NOTHING, error: device?.error ?? "" });
      if (device?.wanted) this.start(kind);
      return;
    }
    this.watchEnd(kind, device.track);
    this.set(kind, { on: true, track: device.track, error: "" });
  }

  ticketCame(answer) {
    this.ticket = answer;
    this.waited ||= Boolean(answer.waiting);
    this.on.ticket(answer);
  }

  receive(frame) {
    if (frame.type === "media") return this.media?.handle(frame.message);
    if (frame.type === "waiting") this.waited = true;
    if (frame.type === "welcome") this.welcome(frame);
    if (frame.type === "muted") this.silenced(frame);
    this.on.frame(frame);
  }

  async welcome(frame) {
    writeResume(this.sessionId, frame.resume);
    if (this.media) return this.media.reconnected?.();
    if (this.waited) {
      // Who waits at the door is given no ways to media and board: they come with the next ticket.
      this.waited = false;
      const answer = await fetchTicket(this.sessionId);
      if (answer.ok) this.ticketCame(answer);
      if (this.closed || this.media) return;
    }
    this.media = new MediaSession({
      send: (message) => this.socket?.send({ type: "media", message }) ?? false,
      onTrack: (heard) => this.track(trackKey(heard.participant_id, heard.source), heard.track),
      onTrackRemoved: (gone) => this.track(trackKey(gone.participant_id, gone.source), null),
      onMuteRequest: ({ source, muted }) => muted && this.silenced({ source }),
      iceServers: this.ticket?.ice_servers ?? [],
    });
    this.reporting = reportLine(this.media, (stats) => this.send({ type: "stats", ...stats }));
    for (const kind of ["camera", "microphone"]) {
      if (this.local[kind].track) this.media.publish(kind, this.local[kind].track);
    }
  }

  track(key, track) {
    const { [key]: _, ...rest } = this.tracks;
    this.tracks = track ? { ...rest, [key]: track } : rest;
    this.on.tracks(this.tracks);
  }

  set(kind, value) {
    this.local = { ...this.local, [kind]: value };
    this.on.local(this.local);
  }

  /** A device that is pulled out, or a share stopped with the browser's own button. */
  watchEnd(kind, track) {
    track.addEventListener("ended", () => {
      if (this.closed || this.local[kind].track !== track) return;
      this.media?.unpublish(kind);
      if (kind === "screen") this.media?.unpublish("screen_audio");
      this.set(kind, { ...NOTHING, error: kind === "screen" ? "" : "gone" });
    });
  }

  /** The instructor muted us: the device goes off, only we can turn it on again. */
  silenced(frame) {
    const wished = readPrefs();
    if (frame.source === "microphone" && this.local.microphone.on) this.toggleMicrophone();
    if (frame.source === "camera" && this.local.camera.on) this.toggleCamera();
    writePrefs({ microphone: wished.microphone, camera: wished.camera });
    if (frame.source === "screen" && this.local.screen.on) this.toggleScreen();
  }

  /** The microphone stays open while muted, so that unmuting is instant; nothing is sent. */
  async toggleMicrophone() {
    const { on, track } = this.local.microphone;
    if (!track || track.readyState === "ended") return this.start("microphone");
    track.enabled = !on;
    this.media?.setMuted("microphone", on);
    this.set("microphone", { on: !on, track, error: "" });
    writePrefs({ microphone: !on });
  }

  /** A camera that is off is really off: its light goes out. */
  async toggleCamera() {
    const { on, track } = this.local.camera;
    if (!on) return this.start("camera");
    this.media?.setMuted("camera", true);
    track?.stop();
    this.set("camera", NOTHING);
    writePrefs({ camera: false });
  }

  async start(kind) {
    if (this.starting[kind]) return;
    this.starting[kind] = true;
    const { track, error } = await openDevice(kind, readPrefs()[`${kind}Id`]);
    this.starting[kind] = false;
    if (this.closed) return track?.stop();
    if (!track) return this.set(kind, { ...NOTHING, error });
    this.watchEnd(kind, track);
    this.media?.publish(kind, track);
    this.media?.setMuted(kind, false);
    this.set(kind, { on: true, track, error: "" });
    writePrefs({ [kind]: true });
  }

  async toggleScreen() {
    const { on, track } = this.local.screen;
    if (on) {
      this.media?.unpublish("screen");
      this.media?.unpublish("screen_audio");
      track?.stop();
      this.screenAudio?.stop();
      return this.set("screen", NOTHING);
    }
    const opened = await openScreen();
    if (this.closed) return opened.track?.stop();
    if (!opened.track) return this.set("screen", { ...NOTHING, error: opened.error });
    this.watchEnd("screen", opened.track);
    this.screenAudio = opened.audio;
    this.media?.publish("screen", opened.track);
    if (opened.audio) this.media?.publish("screen_audio", opened.audio);
    this.set("screen", { on: true, track: opened.track, error: "" });
  }

  send(frame) {
    return this.socket?.send(frame) ?? false;
  }

  setVisible(tracks) {
    this.media?.setVisible?.(tracks);
  }

  /** A fresh board ticket, for the whiteboard's own reconnects; throws {final} when there is none to be had. */
  async boardTicket() {
    const answer = await fetchTicket(this.sessionId);
    if (answer.ok) return answer.board?.ticket ?? "";
    const mendable = answer.status === 0 || answer.status === 429 || answer.status >= 500;
    throw Object.assign(new Error("no ticket"), { final: !mendable });
  }

  leave() {
    this.socket?.leave();
    writeResume(this.sessionId, "");
    this.close();
  }

  /** Stop everything on this device; the server keeps the seat for a while. */
  close() {
    if (this.closed) return;
    this.closed = true;
    this.reporting?.();
    this.media?.close();
    this.socket?.close();
    this.screenAudio?.stop();
    for (const { track } of Object.values(this.local)) track?.stop();
  }
}
