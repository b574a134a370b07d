// The recording of a lesson: every voice and picture is a file of its own; one clock keeps them together.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import "./classroom.css";
import { Icon } from "./icons.jsx";
import { initials, makeT, stopwatch } from "./words.js";

const STEP_MS = 10_000;
const TICK_MS = 200;
const APART_S = 0.12;
const SPEEDS = [1, 1.25, 1.5, 2];

/** The lesson's id is the last part of the address. */
const sessionOf = () => decodeURIComponent(window.location.pathname.split("/").filter(Boolean).pop() ?? "");

async function load(session) {
  const answer = await fetch(`/api/v1/sessions/${encodeURIComponent(session)}/recording`, { credentials: "same-origin" });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.message ?? "");
  return body;
}

/** A clock in ms that runs while `playing`; seeking moves it. */
function usePlayback(length) {
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const [at, setAt] = useState(0);
  const from = useRef({ at: 0, since: 0 });
  const seek = useCallback(
    (to) => {
      const place = Math.min(Math.max(0, to), length);
      from.current = { at: place, since: performance.now() };
      setAt(place);
    },
    [length],
  );
  useEffect(() => {
    if (!playing) return undefined;
    from.current = { at: from.current.at, since: performance.now() };
    const timer = setInterval(() => {
      const now = from.current.at + (performance.now() - from.current.since) * speed;
      setAt(Math.min(now, length));
      if (now >= length) setPlaying(false);
    }, TICK_MS);
    return () => {
      clearInterval(timer);
      from.current = { at: Math.min(length, from.current.at + (performance.now() - from.current.since) * speed), since: 0 };
    };
  }, [playing, speed, length]);
  return { at, playing, speed, setSpeed, seek, toggle: () => setPlaying(!playing) };
}

const segmentAt = (track, at) => track.segments.find((one) => one.offset_ms <= at && at < one.offset_ms + one.duration_ms);

/** Keeps one element where the clock is: what drifted is put right, what waits for data catches up. */
function useFollow(element, segment, { at, playing, speed }) {
  useEffect(() => {
    const media = element.current;
    if (!media || !segment) return;
    const wanted = (at - segment.offset_ms) / 1000;
    media.playbackRate = speed;
    if (media.readyState >= 1 && Math.abs(media.currentTime - wanted) > APART_S) media.currentTime = wanted;
    if (playing && media.paused) media.play().catch(() => {});
    if (!playing && !media.paused) media.pause();
  });
}

function Sound({ track, playback }) {
  const element = useRef(null);
  const segment = segmentAt(track, playback.at);
  useFollow(element, segment, playback);
  return segment ? <audio ref={element} key={segment.url} src={segment.url} preload="auto" /> : null;
}

function Picture({ t, track, playback }) {
  const element = useRef(null);
  const segment = segmentAt(track, playback.at);
  useFollow(element, segment, playback);
  const label = track.source === "screen" ? t("{name}'s screen", { name: track.name }) : track.name;
  return (
    <figure className="rm-rec-tile">
      {segment ? (
        <video ref={element} key={segment.url} src={segment.url} preload="auto" muted playsInline aria-label={label} />
      ) : (
        <span className="rm-av" aria-hidden="true">
          {initials(track.name)}
        </span>
      )}
      <figcaption>
        {label}
        {!segment && <span className="rm-sr"> {t("No picture at this moment")}</span>}
      </figcaption>
    </figure>
  );
}

function Lines({ t, lines, at, seek }) {
  const current = lines.findLastIndex((line) => line.at_ms <= at);
  if (!lines.length) return <p className="rm-quiet">{t("Nothing was written down in this lesson.")}</p>;
  return (
    <ol className="rm-rec-lines">
      {lines.map((line, number) => (
        <li key={`${line.at_ms}:${number}`}>
          <button type="button" aria-current={number === current ? "true" : undefined} onClick={() => seek(line.at_ms)}>
            <span className="rm-quiet">{stopwatch(line.at_ms)}</span> <b>{line.name}</b> {line.text}
          </button>
        </li>
      ))}
    </ol>
  );
}

function Controls({ t, playback, length }) {
  const { at, playing, speed, seek, setSpeed, toggle } = playback;
  return (
    <div className="rm-line wrap" role="group" aria-label={t("Recording of the lesson")}>
      <button type="button" className="rm-btn p" onClick={toggle} data-testid="play">
        {playing ? t("Pause") : t("Play")}
      </button>
      <button type="button" className="rm-btn" onClick={() => seek(at - STEP_MS)}>
        <Icon name="rewind" /> {t("Back 10 s")}
      </button>
      <button type="button" className="rm-btn" onClick={() => seek(at + STEP_MS)}>
        <Icon name="fast-forward" /> {t("Forward 10 s")}
      </button>
      <input
        type="range"
        className="rm-rec-place"
        min={0}
        max={length}
        step={1000}
        value={at}
        aria-label={t("Position")}
        aria-valuetext={stopwatch(at)}
        onChange={(event) => seek(Number(event.target.value))}
      />
      <span>
        {stopwatch(at)} / {stopwatch(length)}
      </span>
      <label>
        {t("Speed")}{" "}
        <select value={speed} onChange={(event) => setSpeed(Number(event.target.value))}>
          {SPEEDS.map((one) => (
            <option key={one} value={one}>
              {one}×
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Watch({ t, recording }) {
  const length = recording.duration_ms;
  const playback = usePlayback(length);
  const pictures = recording.tracks.filter((track) => track.kind === "video");
  const sounds = recording.tracks.filter((track) => track.kind === "audio");
  const keys = (event) => {
    if (["INPUT", "SELECT", "BUTTON"].includes(event.target.tagName)) return;
    const act = { " ": playback.toggle, ArrowLeft: () => playback.seek(playback.at - STEP_MS), ArrowRight: () => playback.seek(playback.at + STEP_MS) }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  useEffect(() => {
    window.addEventListener("keydown", keys);
    return () => window.removeEventListener("keydown", keys);
  });
  return (
    <>
      {recording.incomplete && <p role="note">{t("Not everything of this lesson was recorded.")}</p>}
      <div className="rm-rec-tiles">
        {pictures.map((track) => (
          <Picture key={`${track.person_id}:${track.source}`} t={t} track={track} playback={playback} />
        ))}
      </div>
      {sounds.map((track) => (
        <Sound key={`${track.person_id}:${track.source}`} track={track} playback={playback} />
      ))}
      <Controls t={t} playback={playback} length={length} />
      <p className="rm-quiet rm-small">{t("Space plays and pauses, the arrow keys move by 10 seconds.")}</p>
      <h2>{t("What was said")}</h2>
      <Lines t={t} lines={recording.lines} at={playback.at} seek={playback.seek} />
    </>
  );
}

export function Player({ strings }) {
  const t = useMemo(() => makeT(strings), [strings]);
  const [recording, setRecording] = useState(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let gone = false;
    load(sessionOf()).then(
      (found) => !gone && setRecording(found),
      (error) => !gone && setProblem(error.message || t("The recording could not be loaded. Please reload the page.")),
    );
    return () => {
      gone = true;
    };
  }, [t]);
  return (
    <div className="rm-rec">
      {problem && <p role="alert">{problem}</p>}
      {!problem && !recording && <p role="status">{t("Loading the recording…")}</p>}
      {recording && <Watch t={t} recording={recording} />}
    </div>
  );
}
