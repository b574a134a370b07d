// Cameras, microphones and speakers: opening them, listing them, measuring, and saying what is wrong.

const VIDEO = { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 24, max: 30 } };
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** The plain reason why a device did not open: denied, missing, busy, insecure, failed. */
export function reason(error) {
  if (!navigator.mediaDevices?.getUserMedia) return "insecure";
  const names = {
    NotAllowedError: "denied",
    SecurityError: "denied",
    NotFoundError: "missing",
    OverconstrainedError: "missing",
    NotReadableError: "busy",
    AbortError: "busy",
  };
  return names[error?.name] ?? "failed";
}

const wanted = (kind, deviceId) => {
  const base = kind === "camera" ? VIDEO : AUDIO;
  const device = deviceId ? { ...base, deviceId: { ideal: deviceId } } : base;
  return kind === "camera" ? { video: device } : { audio: device };
};

/** {track, error}: exactly one is set. A remembered device that is gone falls back to another one. */
export async function openDevice(kind, deviceId) {
  try {
    const stream = await navigator.mediaDevices.getUserMedia(wanted(kind, deviceId));
    return { track: stream.getTracks()[0], error: "" };
  } catch (error) {
    return { track: null, error: reason(error) };
  }
}

/** {track, audio, error} of a screen, window or tab; error "" with no track: the person changed their mind. */
export async function openScreen() {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({
      video: { frameRate: { ideal: 12, max: 30 } },
      audio: true,
      selfBrowserSurface: "exclude",
    });
    const [track] = stream.getVideoTracks();
    if (track) track.contentHint = "detail";
    return { track: track ?? null, audio: stream.getAudioTracks()[0] ?? null, error: "" };
  } catch (error) {
    return { track: null, audio: null, error: error?.name === "NotAllowedError" ? "" : reason(error) };
  }
}

/** {camera: [{id, label}], microphone: [...], speaker: [...]}; labels are empty until one device was allowed. */
export async function listDevices() {
  const kinds = { videoinput: "camera", audioinput: "microphone", audiooutput: "speaker" };
  const found = { camera: [], microphone: [], speaker: [] };
  try {
    for (const device of await navigator.mediaDevices.enumerateDevices()) {
      const kind = kinds[device.kind];
      if (kind && device.deviceId) found[kind].push({ id: device.deviceId, label: device.label });
    }
  } catch {
    return found;
  }
  return found;
}

/** Calls onLevel(0..1) about 15 times a second; answers a function that stops it. */
export function watchLevel(track, onLevel) {
  const Context = window.AudioContext ?? window.webkitAudioContext;
  if (!Context || !track) return () => undefined;
  const context = new Context();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const wake = () => context.state === "suspended" && context.resume().catch(() => undefined);
  document.addEventListener("pointerdown", wake);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
    const decibel = 10 * Math.log10(power + 1e-9);
    onLevel(Math.min(1, Math.max(0, (decibel + 60) / 50)));
  }, 66);
  return () => {
    clearInterval(timer);
    document.removeEventListener("pointerdown", wake);
    context.close().catch(() => undefined);
  };
}

/** Three soft notes on the chosen speaker; resolves when they are over, false when no sound is possible. */
export async function playTestTone(speakerId) {
  const Context = window.AudioContext ?? window.webkitAudioContext;
  if (!Context) return false;
  const context = new Context();
  try {
    await context.resume();
    if (speakerId && context.setSinkId) await context.setSinkId(speakerId).catch(() => undefined);
    const start = context.currentTime + 0.05;
    [523.25, 659.25, 783.99].forEach((pitch, place) => {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const at = start + place * 0.28;
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.18, at + 0.04);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.5);
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.55);
    });
    await new Promise((done) => setTimeout(done, 1300));
    return true;
  } catch {
    return false;
  } finally {
    context.close().catch(() => undefined);
  }
}
