// Sound and pictures of the connection check: made here, never a person's own, and the numbers of their way.

const WIDTH = 640;
const HEIGHT = 360;
const FRAMES_PER_S = 20;
const BLOCKS = 160;
const LOOK_MS = 100;

/** A moving picture that is hard to compress, and a tone nobody hears. stop() ends both. */
export function madeTracks() {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  const draw = () => {
    for (let count = 0; count < BLOCKS; count += 1) {
      context.fillStyle = `hsl(${Math.random() * 360} 60% ${20 + Math.random() * 60}%)`;
      context.fillRect(Math.random() * WIDTH, Math.random() * HEIGHT, 40, 24);
    }
  };
  draw();
  const timer = setInterval(draw, 1000 / FRAMES_PER_S);
  const [camera] = canvas.captureStream(FRAMES_PER_S).getVideoTracks();
  const sound = new (window.AudioContext ?? window.webkitAudioContext)();
  const tone = sound.createOscillator();
  const outlet = sound.createMediaStreamDestination();
  tone.connect(outlet);
  tone.start();
  const [microphone] = outlet.stream.getAudioTracks();
  const stop = () => {
    clearInterval(timer);
    camera.stop();
    microphone.stop();
    sound.close().catch(() => undefined);
  };
  return { camera, microphone, stop };
}

/** True as soon as look() is, false when it was not within ms. */
export async function within(ms, look) {
  for (const until = performance.now() + ms; performance.now() < until; ) {
    if (await look()) return true;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
  return false;
}

const reports = async (connection) => [...((await connection?.pc.getStats())?.values() ?? [])];

export const publisherUp = (session) => session.publisher?.state === "connected";

/** Whether pictures or sound arrive. */
export async function hears(session) {
  const found = await reports(session.subscriber);
  return found.some((one) => one.type === "inbound-rtp" && one.bytesReceived > 0);
}

/** What was counted so far on both ways: bytes, packets, round trip in ms (null: not known yet). */
export async function countBoth(up, down) {
  const sent = await reports(up.publisher);
  const got = await reports(down.subscriber);
  const sum = (found, type, name) => found.filter((one) => one.type === type).reduce((all, one) => all + (one[name] ?? 0), 0);
  const trip = [...sent, ...got].find((one) => one.type === "candidate-pair" && one.nominated && one.currentRoundTripTime !== undefined);
  return {
    at: performance.now(),
    sent: sum(sent, "outbound-rtp", "bytesSent"),
    received: sum(got, "inbound-rtp", "bytesReceived"),
    packets: sum(got, "inbound-rtp", "packetsReceived"),
    lost: Math.max(0, sum(got, "inbound-rtp", "packetsLost")) + Math.max(0, sum(sent, "remote-inbound-rtp", "packetsLost")),
    rtt_ms: trip ? Math.round(trip.currentRoundTripTime * 1000) : null,
  };
}

/** The best second of `seconds`, both ways, and loss and round trip over all of it. onProgress gets 0..1. */
export async function measure(up, down, seconds, onProgress) {
  const first = await countBoth(up, down);
  let [last, upBps, downBps] = [first, 0, 0];
  const trips = [];
  for (let second = 1; second <= seconds; second += 1) {
    await new Promise((done) => setTimeout(done, 1000));
    const next = await countBoth(up, down);
    const span = (next.at - last.at) / 1000;
    upBps = Math.max(upBps, ((next.sent - last.sent) * 8) / span);
    downBps = Math.max(downBps, ((next.received - last.received) * 8) / span);
    if (next.rtt_ms !== null) trips.push(next.rtt_ms);
    last = next;
    onProgress(second / seconds);
  }
  const lost = Math.max(0, last.lost - first.lost);
  const packets = Math.max(1, last.packets - first.packets + lost);
  return { up_bps: Math.round(upBps), down_bps: Math.round(downBps), loss: lost / packets, rtt_ms: trips.length ? Math.min(...trips) : null };
}
