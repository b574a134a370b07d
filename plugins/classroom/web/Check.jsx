// The connection check: one thing after the other, a sentence each, and at the end what is wrong first.
import { useEffect, useMemo, useRef, useState } from "react";
import "./classroom.css";
import { Check, report, STEPS, stepNames, verdict } from "./checkSteps.js";
import { playTestTone } from "./devices.js";
import { Icon } from "./icons.jsx";
import { readPrefs } from "./prefs.js";
import { makeT } from "./words.js";

const ICONS = { waiting: "circle-dot", running: "clock", ok: "circle-check", warn: "circle-alert", bad: "circle-alert", none: "circle-dot" };
const COPIED_MS = 4000;

const wordsOf = (t) => ({ waiting: t("Waiting"), running: t("Checking…"), ok: t("Good"), warn: t("Take care"), bad: t("Problem"), none: t("Left out") });

function numbersLine(numbers) {
  const units = { up_kbps: "kbit/s ↑", down_kbps: "kbit/s ↓", rtt_ms: "ms", loss_percent: "%", ms: "ms" };
  return Object.entries(numbers)
    .filter(([name]) => units[name])
    .map(([name, value]) => `${value} ${units[name]}`)
    .join(" · ");
}

/** The steps so far, and how to begin, answer and stop. */
function useCheck(t) {
  const [results, setResults] = useState({});
  const [phase, setPhase] = useState("ready");
  const [camera, setCamera] = useState(null);
  const [question, setQuestion] = useState(false);
  const [progress, setProgress] = useState(0);
  const level = useRef(null);
  const answer = useRef(null);
  const running = useRef(null);
  useEffect(() => () => running.current?.close(), []);
  const play = () => playTestTone(readPrefs().speakerId);
  const start = async () => {
    running.current?.close();
    setResults({});
    setProgress(0);
    setPhase("running");
    const check = new Check(t, {
      step: (name, result) => running.current === check && setResults((known) => ({ ...known, [name]: result })),
      camera: setCamera,
      level: (value) => level.current?.style.setProperty("--level", String(value)),
      progress: setProgress,
      heard: () => {
        play();
        setQuestion(true);
        return new Promise((resolve) => {
          answer.current = resolve;
        });
      },
    });
    running.current = check;
    await check.run();
    if (running.current === check) setPhase("done");
  };
  const say = (heard) => {
    setQuestion(false);
    answer.current?.(heard);
  };
  return { results, phase, camera, question, progress, level, start, say, play };
}

function Camera({ track, t }) {
  const video = useRef(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = new MediaStream([track]);
  }, [track]);
  return <video ref={video} className="rm-mini mirror" autoPlay playsInline muted aria-label={t("Your camera picture")} />;
}

function Step({ name, title, result, words, children }) {
  const { state, sentence, numbers } = result;
  return (
    <li className={`rm-step ${state}`} data-step={name} data-state={state}>
      <Icon name={ICONS[state]} size={20} />
      <div>
        <h2>
          {title} <span className="rm-word">{words[state]}</span>
        </h2>
        {sentence && <p>{sentence}</p>}
        {numbersLine(numbers) && <p className="rm-small rm-quiet">{numbersLine(numbers)}</p>}
        {children}
      </div>
    </li>
  );
}

function Question({ t, say, play }) {
  const first = useRef(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <div role="group" aria-label={t("Did you hear three notes?")}>
      <p>{t("Did you hear three notes?")}</p>
      <div className="rm-line wrap">
        <button ref={first} type="button" className="rm-btn p" onClick={() => say(true)}>
          {t("Yes, I heard them")}
        </button>
        <button type="button" className="rm-btn" onClick={() => say(false)}>
          {t("No")}
        </button>
        <button type="button" className="rm-btn g" onClick={play}>
          <Icon name="volume-2" /> {t("Play again")}
        </button>
      </div>
    </div>
  );
}

function Verdict({ results, t, again }) {
  const title = useRef(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => title.current?.focus(), []);
  const found = verdict(t, results);
  const text = report(results);
  const copy = async () => {
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    setCopied(Boolean(done));
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return (
    <section className={`rm-verdict ${found.ready ? "ok" : "bad"}`}>
      <h2 ref={title} tabIndex={-1} data-testid="verdict">
        <Icon name={found.ready ? "circle-check" : "circle-alert"} size={24} /> {found.title}
      </h2>
      {found.sentence && <p>{found.sentence}</p>}
      <div className="rm-line wrap">
        <button type="button" className="rm-btn" onClick={again}>
          <Icon name="rotate-ccw" /> {t("Check again")}
        </button>
        <button type="button" className="rm-btn" onClick={copy}>
          {copied ? t("Copied") : t("Copy the report")}
        </button>
        <a className="rm-btn g" href={`mailto:?subject=${encodeURIComponent("HiLink")}&body=${encodeURIComponent(text)}`}>
          {t("Send it to support")}
        </a>
      </div>
      <details className="rm-report">
        <summary>{t("What the report says")}</summary>
        <pre tabIndex={0}>{text}</pre>
      </details>
    </section>
  );
}

/** What a screen reader hears: each result as it comes. */
function spoken(results, names, words) {
  const last = STEPS.filter((name) => results[name]).at(-1);
  if (!last) return "";
  const { state, sentence } = results[last];
  return state === "running" ? `${names[last]}: ${words.running}` : `${names[last]}: ${words[state]}. ${sentence}`;
}

/** Whoever came from the room's door goes back to it: a join link knows no other page. */
const cameFrom = () => (document.referrer.startsWith(`${location.origin}/room/`) ? document.referrer : "");

/** strings: {English sentence: translated}. homeHref: where "back" leads. */
export function ConnectionCheck({ strings, lang = "en", homeHref = "/" }) {
  const t = useMemo(() => makeT(strings ?? {}), [lang, Object.keys(strings ?? {}).length]);
  const check = useCheck(t);
  const [names, words] = [stepNames(t), wordsOf(t)];
  const extra = {
    camera: check.camera && <Camera track={check.camera} t={t} />,
    microphone: check.results.microphone?.state === "running" && (
      <>
        <p>{t("Please say something.")}</p>
        <div ref={check.level} className="rm-level" aria-hidden="true" />
      </>
    ),
    speaker: check.question && <Question t={t} say={check.say} play={check.play} />,
    bandwidth: check.results.bandwidth?.state === "running" && (
      <progress max={1} value={check.progress} aria-label={t("Measuring the speed")} />
    ),
  };
  return (
    <div className="rm" lang={lang} data-testid="check" data-phase={check.phase}>
      <main className="rm-gate">
        <div className="rm-check narrow">
          <header>
            <a className="rm-back" href={cameFrom() || homeHref}>
              <Icon name="arrow-left" /> {t("Back")}
            </a>
            <h1>{t("Check your connection")}</h1>
            <p className="rm-quiet">
              {t("It takes about a minute and tries everything a lesson needs. Nothing is recorded; your picture and voice stay on this device.")}
            </p>
          </header>
          <p className="rm-sr" role="status">
            {spoken(check.results, names, words)}
          </p>
          {check.phase === "done" && <Verdict results={check.results} t={t} again={check.start} />}
          {check.phase === "ready" && (
            <button type="button" className="rm-btn p b" onClick={check.start}>
              {t("Start the check")}
            </button>
          )}
          <ol className="rm-steps" aria-label={t("What is checked")}>
            {STEPS.map((name) => (
              <Step key={name} name={name} title={names[name]} words={words} result={check.results[name] ?? { state: "waiting", sentence: "", numbers: {} }}>
                {extra[name]}
              </Step>
            ))}
          </ol>
        </div>
      </main>
    </div>
  );
}
