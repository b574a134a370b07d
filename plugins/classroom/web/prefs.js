// What this device remembers: chosen devices, microphone and camera wish, captions and their size.
const KEY = "hilink.room";
const DEFAULTS = { microphone: true, camera: true, microphoneId: "", cameraId: "", speakerId: "", captions: true, captionSize: "medium" };

export function readPrefs() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) || "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

/** Keep `changes`. Private windows and full storage are fine: then it is forgotten at the end of the visit. */
export function writePrefs(changes) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...readPrefs(), ...changes }));
  } catch {
    return;
  }
}

const resumeKey = (sessionId) => `hilink.resume.${sessionId}`;

/** The resume token survives a reload of this tab, not longer. */
export function readResume(sessionId) {
  try {
    return sessionStorage.getItem(resumeKey(sessionId)) || "";
  } catch {
    return "";
  }
}

export function writeResume(sessionId, token) {
  try {
    if (token) sessionStorage.setItem(resumeKey(sessionId), token);
    else sessionStorage.removeItem(resumeKey(sessionId));
  } catch {
    return;
  }
}
