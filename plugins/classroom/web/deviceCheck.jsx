// Before the room: see yourself, hear a sound, choose devices, join. Works without any device.
import { useCallback, useEffect, useRef, useState } from "react";
import { listDevices, openDevice, playTestTone, watchLevel } from "./devices.js";
import { Icon } from "./icons.jsx";
import { readPrefs, writePrefs } from "./prefs.js";
import { initials } from "./words.js";

/** What is wrong with a device and what to do, as a sentence; "" when all is well. */
export function deviceSentence(t, kind, error) {
  const camera = {
    denied: t("The browser may not use the camera. Allow it beside the address, or join without a camera."),
    missing: t("No camera found. You can join without a camera."),
    busy: t("Another program is using the camera. Close it and try again, or join without a camera."),
    insecure: t("This address is not secure, so the browser keeps the camera off. You can join without a camera."),
    failed: t("The camera did not start. You can join without a camera."),
  };
  const microphone = {
    denied: t("The browser may not use the microphone. Allow it beside the address, or join and write in the chat."),
    missing: t("No microphone found. You can listen and write in the chat."),
    busy: t("Another program is using the microphone. Close it and try again, or join and write in the chat."),
    insecure: t("This address is not secure, so the browser keeps the microphone off. You can listen and write in the chat."),
    failed: t("The microphone did not start. You can listen and write in the chat."),
  };
  return (kind === "camera" ? camera : microphone)[error] ?? "";
}

/** One device: on or off, its track, its trouble. Hands the track over to the room with take(). */
function useDevice(kind, allowed) {
  const [on, setOn] = useState(() => allowed && readPrefs()[kind]);
  const [id, setId] = useState(() => readPrefs()[`${kind}Id`]);
  const [track, setTrack] = useState(null);
  const [error, setError] = useState("");
  const taken = useRef(false);
  useEffect(() => {
    if (!on || !allowed) return undefined;
    let over = false;
    let opened = null;
    openDevice(kind, id).then((result) => {
      opened = result.track;
      if (over) return opened?.stop();
      setTrack(result.track);
      setError(result.error);
    });
    return () => {
      over = true;
      setTrack(null);
      if (!taken.current) opened?.stop();
    };
  }, [kind, on, id, allowed]);
  const toggle = () => {
    setError("");
    setOn(!on);
    writePrefs({ [kind]: !on });
  };
  const choose = (next) => {
    setId(next);
    writePrefs({ [`${kind}Id`]: next });
  };
  const take = () => {
    taken.current = true;
    return { wanted: on && !error, track, error };
  };
  const retry = () => {
    setError("");
    setOn(false);
    setTimeout(() => setOn(true), 0);
  };
  return { on, id, track, error, toggle, choose, take, retry };
}

function LevelMeter({ track, t }) {
  const bars = useRef(null);
  const [heard, setHeard] = useState(false);
  useEffect(() => {
    setHeard(false);
    if (!track) return undefined;
    return watchLevel(track, (level) => {
      const node = bars.current;
      if (!node) return;
      node.setAttribute("aria-valuenow", String(Math.round(level * 100)));
      [...node.children].forEach((bar, place) => bar.classList.toggle("on", level * 12 > place + 0.5));
      if (level > 0.45) setHeard(true);
    });
  }, [track]);
  return (
    <div className="rm-meter">
      <div ref={bars} className="rm-bars" role="meter" aria-label={t("Microphone level")} aria-valuemin={0} aria-valuemax={100} aria-valuenow={0}>
        {Array.from({ length: 12 }, (_, place) => (
          <i key={place} />
        ))}
      </div>
      <span className="rm-small" role="status">
        {!track ? t("The microphone is off.") : heard ? t("We hear you.") : t("Say something to try it.")}
      </span>
    </div>
  );
}

function DeviceSelect({ id, label, icon, options, value, onChange, empty }) {
  if (!options.length) return null;
  return (
    <div className="rm-field">
      <label htmlFor={id}>
        <Icon name={icon} /> {label}
      </label>
      <select id={id} value={options.some((option) => option.id === value) ? value : options[0].id} onChange={(event) => onChange(event.target.value)}>
        {options.map((option, place) => (
          <option key={option.id} value={option.id}>
            {option.label || `${empty} ${place + 1}`}
          </option>
        ))}
      </select>
    </div>
  );
}

function Preview({ camera, microphone, name, t }) {
  const video = useRef(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = camera.track ? new MediaStream([camera.track]) : null;
  }, [camera.track]);
  return (
    <div className="rm-preview">
      {camera.track ? (
        <video ref={video} autoPlay playsInline muted className="mirror" aria-label={t("Your camera picture")} />
      ) : (
        <div className="rm-noface">
          <span className="rm-av big">{initials(name)}</span>
          <span>{camera.on && !camera.error ? t("Starting the camera…") : t("Your camera is off")}</span>
        </div>
      )}
      <div className="rm-prebtns">
        <ToggleButton device={microphone} on="mic" off="mic-off" label={t("Mic")} />
        <ToggleButton device={camera} on="video" off="video-off" label={t("Camera")} />
      </div>
    </div>
  );
}

function ToggleButton({ device, on, off, label }) {
  return (
    <button type="button" className={`rm-d ${device.on && !device.error ? "" : "off"}`} aria-pressed={device.on && !device.error} onClick={device.error ? device.retry : device.toggle}>
      <Icon name={device.on && !device.error ? on : off} size={20} />
      <span>{label}</span>
    </button>
  );
}

/** What is written down or recorded of this person. consent: {transcription, recording}. */
function Consent({ consent, captions, t }) {
  const transcription = captions?.engine
    ? consent?.transcription
      ? t("Captions are on for you: what you say is written down for this lesson.")
      : t("Captions are off for you: nothing you say is written down.")
    : t("There are no captions in this lesson.");
  const recording = consent?.recording ? t("You may be recorded.") : t("You are not recorded.");
  return (
    <p className="rm-consent">
      <Icon name={captions?.engine && consent?.transcription ? "captions" : "captions-off"} />
      <span>
        {transcription} {recording} {captions?.notice ?? ""}
      </span>
    </p>
  );
}

function Trouble({ kind, device, t }) {
  const sentence = deviceSentence(t, kind, device.error);
  if (!sentence) return null;
  return (
    <p className="rm-trouble" role="status">
      <Icon name={kind === "camera" ? "video-off" : "mic-off"} />
      <span>{sentence}</span>
    </p>
  );
}

function SpeakerTest({ t }) {
  const [devices, setDevices] = useState([]);
  const [id, setId] = useState(() => readPrefs().speakerId);
  const [state, setState] = useState("");
  useEffect(() => {
    if ("setSinkId" in HTMLMediaElement.prototype) listDevices().then((found) => setDevices(found.speaker));
  }, []);
  const play = async () => {
    setState("playing");
    setState((await playTestTone(id)) ? "played" : "failed");
  };
  const choose = (next) => {
    setId(next);
    writePrefs({ speakerId: next });
  };
  const words = {
    playing: t("Playing three notes…"),
    played: t("Heard nothing? Turn the volume up or choose another speaker."),
    failed: t("This browser could not play the sound."),
  };
  return (
    <div className="rm-speaker">
      <DeviceSelect id="rm-speaker" label={t("Speaker")} icon="volume-2" options={devices} value={id} onChange={choose} empty={t("Speaker")} />
      <div className="rm-line">
        <button type="button" className="rm-btn s" onClick={play} disabled={state === "playing"}>
          <Icon name="volume-2" /> {t("Play a test sound")}
        </button>
        <span className="rm-small" role="status">
          {words[state] ?? ""}
        </span>
      </div>
    </div>
  );
}

/** onJoin({camera, microphone}) gets {wanted, track, error} each; a wanted device that is still opening has no track yet; ticket: the answer of the ticket request. */
export function DeviceCheck({ ticket, t, clock, onJoin, joining, homeHref }) {
  const publish = ticket.rights?.publish ?? [];
  const camera = useDevice("camera", publish.includes("camera"));
  const microphone = useDevice("microphone", publish.includes("microphone"));
  const [found, setFound] = useState({ camera: [], microphone: [], speaker: [] });
  const refresh = useCallback(() => listDevices().then(setFound), []);
  useEffect(() => {
    refresh();
    navigator.mediaDevices?.addEventListener?.("devicechange", refresh);
    return () => navigator.mediaDevices?.removeEventListener?.("devicechange", refresh);
  }, [refresh, camera.track, microphone.track]);
  const { session, me } = ticket;
  const watching = publish.length === 0;
  const join = () => onJoin({ camera: camera.take(), microphone: microphone.take() });
  const title = session.course || session.title;
  return (
    <main className="rm-gate">
      <div className="rm-check">
        <header>
          <a className="rm-back" href={homeHref}>
            <Icon name="arrow-left" /> {t("Back")}
          </a>
          <h1>{title}</h1>
          <p className="rm-quiet">
            {[session.topic || (session.title !== title ? session.title : ""), session.instructor && t("with {name}", { name: session.instructor }), `${clock.clock(session.starts_at)} – ${clock.clock(session.ends_at)}`]
              .filter(Boolean)
              .join(" · ")}
          </p>
        </header>
        <div className="rm-checkgrid">
          {watching ? (
            <div className="rm-preview">
              <div className="rm-noface">
                <Icon name="eye" size={24} />
                <span>{t("You look in. Nobody sees or hears you; your name is in the list of people.")}</span>
              </div>
            </div>
          ) : (
            <Preview camera={camera} microphone={microphone} name={me.name} t={t} />
          )}
          <div className="rm-checkside">
            {!watching && (
              <>
                <DeviceSelect id="rm-mic" label={t("Microphone")} icon="mic" options={found.microphone} value={microphone.id} onChange={microphone.choose} empty={t("Microphone")} />
                <LevelMeter track={microphone.track} t={t} />
                <Trouble kind="microphone" device={microphone} t={t} />
                <DeviceSelect id="rm-cam" label={t("Camera")} icon="video" options={found.camera} value={camera.id} onChange={camera.choose} empty={t("Camera")} />
                <Trouble kind="camera" device={camera} t={t} />
              </>
            )}
            <SpeakerTest t={t} />
            <a className="rm-back" href="/check">
              <Icon name="list-checks" /> {t("Check your connection")}
            </a>
            {!watching && <Consent consent={ticket.consent} captions={ticket.captions} t={t} />}
            <button type="button" className="rm-btn p b" onClick={join} disabled={joining} data-testid="join">
              {joining ? t("Joining…") : session.status === "live" ? t("Join the lesson") : t("Enter the room")}
            </button>
          </div>
        </div>
      </div>
    </main>
  );
}

