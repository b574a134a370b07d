// What only the browser knows of its line: pictures that stood still, sound that was made up, what arrived.

const EVERY_MS = 10_000;
const COUNTED = [
  "freezeCount",
  "totalFreezesDuration",
  "totalPausesDuration",
  "bytesReceived",
  "packetsLost",
  "packetsReceived",
  "concealedSamples",
  "silentConcealedSamples",
  "totalSamplesReceived",
];

/** Calls send() every ten seconds with the fields of `stats` (PROTOCOL.md); answers a function that stops it. */
export function reportLine(media, send) {
  let before = new Map();
  let at = performance.now();
  const report = async () => {
    const { subscriber } = await media.getStats().catch(() => ({ subscriber: [] }));
    const [now, seconds] = [new Map(subscriber.map((one) => [one.id, one])), (performance.now() - at) / 1000];
    at += seconds * 1000;
    const changes = lineChanges(before, now, seconds);
    before = now;
    if (changes) send(changes);
  };
  const timer = setInterval(report, EVERY_MS);
  return () => clearInterval(timer);
}

/** before, now: inbound-rtp reports by id. null: there is nothing to say yet. A hidden tab draws no pictures. */
export function lineChanges(before, now, seconds, hidden = document.hidden) {
  const sum = Object.fromEntries(COUNTED.map((name) => [name, 0]));
  let known = false;
  for (const [id, one] of now) {
    const old = before.get(id);
    if (!old) continue;
    known = true;
    for (const name of COUNTED) sum[name] += Math.max(0, (one[name] ?? 0) - (old[name] ?? 0));
  }
  if (!known || seconds <= 0 || seconds > 60) return null;
  const packets = sum.packetsLost + sum.packetsReceived;
  const made = Math.max(0, sum.concealedSamples - sum.silentConcealedSamples);
  return {
    seconds: round(seconds, 1),
    freezes: hidden ? 0 : Math.min(600, sum.freezeCount),
    // A picture that stood still for more than 5 s was paused: that is the node's to tell.
    frozen_s: hidden ? 0 : round(Math.min(seconds, Math.max(0, sum.totalFreezesDuration - sum.totalPausesDuration)), 1),
    down_bps: Math.round((sum.bytesReceived * 8) / seconds),
    ...(packets ? { down_loss: round(sum.packetsLost / packets, 4) } : {}),
    ...(sum.totalSamplesReceived ? { concealed: round(Math.min(1, made / sum.totalSamplesReceived), 4) } : {}),
  };
}

const round = (value, digits) => Number(value.toFixed(digits));
