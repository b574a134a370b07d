// The bar above the stage: which lesson, how long still, how good the line is, who is here. And the sentence below it.
import { useEffect, useState } from "react";
import { useTick } from "./a11y.js";
import { PhoneLeave } from "./dock.jsx";
import { Icon, Meter } from "./icons.jsx";
import { seated } from "./store.js";
import { initials, useRoom } from "./words.js";

const BACK_MS = 5000;
const PICTURE_NEWS_MS = 15000;
const LAST_CALL_MIN = 5;
const FACES = 5;

/** {left (min), share (0..1), over} of the planned time, by the server's clock. */
function useTimeLeft() {
  const { state } = useRoom();
  const now = useTick(5000) + state.clockOffset;
  const starts = Date.parse(state.session?.starts_at);
  const ends = Date.parse(state.session?.ends_at);
  if (Number.isNaN(ends)) return null;
  const left = Math.ceil((ends - now) / 60_000);
  return { left, early: starts - now > 60_000, untilStart: Math.ceil((starts - now) / 60_000), share: Math.min(1, Math.max(0, (now - starts) / (ends - starts || 1))) };
}

function timeWords(t, time) {
  if (time.early) return t("starts in {n} min", { n: time.untilStart });
  return time.left > 0 ? t("{n} min left", { n: time.left }) : t("{n} min over time", { n: 1 - time.left });
}

function TimeLeft() {
  const { t, state, clock, me, actions } = useRoom();
  const time = useTimeLeft();
  if (!time) return null;
  return (
    <>
      <span className="rm-quiet rm-small rm-ends">
        <span className="rm-wide">{t("Ends {time}", { time: clock.clock(state.session.ends_at) })} · </span>
        <b>{timeWords(t, time)}</b>
      </span>
      {me.role === "instructor" && !time.early && time.left <= LAST_CALL_MIN && (
        <button type="button" className="rm-btn s" onClick={() => actions.extend(10)}>
          {t("10 min more")}
        </button>
      )}
      <span className="rm-tl" role="progressbar" aria-label={t("Time of the lesson")} aria-valuenow={Math.round(time.share * 100)} aria-valuemin={0} aria-valuemax={100}>
        <i style={{ width: `${time.share * 100}%` }} />
      </span>
    </>
  );
}

/** good | weak | lost as words and bars. */
export function connectionWords(t, connection) {
  return { good: [4, t("good")], weak: [2, t("weak")], lost: [0, t("lost")] }[connection] ?? [4, t("good")];
}

function Connection({ short }) {
  const { t, state } = useRoom();
  const connection = state.connection === "open" ? state.quality.connection : "lost";
  const [bars, word] = connectionWords(t, connection);
  return (
    <span className={`rm-chip ${connection === "good" ? "" : "warn"}`} data-testid="connection">
      <Meter level={bars} /> <span>{short ? word : t("Your connection: {state}", { state: word })}</span>
    </span>
  );
}

/** Everybody sees that the lesson is being recorded, and whether they are in it. */
function Recording({ short }) {
  const { t, state } = useRoom();
  const { on, you } = state.recording;
  if (!on) return <span role="status" className="rm-sr" />;
  const mine = you ? t("You may be recorded.") : t("You are not recorded.");
  return (
    <span className="rm-chip acc" role="status" data-testid="recording" title={mine}>
      <Icon name="circle-dot" /> <span>{t("Recording")}</span>
      <span className={short ? "rm-sr" : "rm-quiet"}>{mine}</span>
    </span>
  );
}

function Here() {
  const { t, state, actions } = useRoom();
  const people = seated(state.people);
  const here = people.filter((person) => person.connection !== "lost");
  const expected = Math.max(state.session?.expected ?? 0, people.length);
  return (
    <button type="button" className="rm-here" onClick={() => actions.openPanel("people")} aria-label={t("{n} of {m} people are here. Open the list.", { n: here.length, m: expected })}>
      <span className="rm-faces" aria-hidden="true">
        {here.slice(0, FACES).map((person) => (
          <span className="rm-av" key={person.person_id}>
            {initials(person.name)}
          </span>
        ))}
      </span>
      <span className="rm-small">
        <b>{t("{n} of {m}", { n: here.length, m: expected })}</b> <span className="rm-quiet">{t("here")}</span>
      </span>
    </button>
  );
}

export function TopBar() {
  const { t, state, actions } = useRoom();
  const { session } = state;
  const title = session?.course || session?.title;
  const topic = session?.topic || (session?.title !== title ? session?.title : "");
  return (
    <header className="rm-top">
      <button type="button" className="rm-btn s ic" onClick={actions.leave} aria-label={t("Leave the lesson and go back")}>
        <Icon name="arrow-left" />
      </button>
      <div className="rm-title">
        <h1>{title}</h1>
        {topic && <span className="rm-quiet">{topic}</span>}
      </div>
      <span className="rm-sp" />
      <TimeLeft />
      <Recording />
      <Connection />
      <Here />
    </header>
  );
}

export function PhoneTop() {
  const { t, state } = useRoom();
  const { session } = state;
  const time = useTimeLeft();
  const second = [session?.instructor, time && timeWords(t, time)].filter(Boolean).join(" · ");
  return (
    <header className="rm-top phone">
      <div className="rm-title">
        <h1>{session?.course || session?.title}</h1>
        <span>{second}</span>
      </div>
      <span className="rm-sp" />
      <Recording short />
      <Connection short />
      <PhoneLeave />
    </header>
  );
}

function deviceTrouble(t, local) {
  if (local.microphone.error === "gone") return t("Your microphone stopped. Press Mic to start it again.");
  if (local.camera.error === "gone") return t("Your camera stopped. Press Camera to start it again; sound goes on.");
  if (local.microphone.error === "denied") return t("The browser may not use the microphone. Allow it beside the address and press Mic again.");
  if (local.camera.error === "denied") return t("The browser may not use the camera. Allow it beside the address and press Camera again.");
  if (local.screen.error) return t("This device cannot share its screen.");
  return "";
}

/** Why pictures are smaller than they could be, while that is news. */
function pictureSentence(t, { quality, people }, now) {
  if (now - quality.since > PICTURE_NEWS_MS) return null;
  if (quality.sentence === "reduced") return { bars: 3, text: t("Your connection is slow: pictures are smaller for now; sound goes first.") };
  const name = people[quality.person_id]?.name;
  if (quality.sentence !== "sender" || !name) return null;
  return { icon: "video-off", text: t("The picture of {name} is held up by their connection or device, not by yours.", { name }) };
}

/** The one sentence that matters now, most urgent first. */
function useSentence(blocked) {
  const { t, state, local } = useRoom();
  const now = useTick(1000);
  const { quality } = state;
  if (state.connection === "lost") return { bars: 0, text: t("Looking for your connection, {n} s", { n: Math.max(0, Math.round((now - state.lostAt) / 1000)) }), lost: true };
  if (state.connection === "connecting") return { bars: 0, text: t("Opening the room…") };
  if (blocked) return { icon: "volume-2", text: t("The browser keeps the sound off until you press a button."), unlock: true };
  if (state.notice) return { icon: state.notice.icon ?? "circle-alert", text: state.notice.text, dismiss: true };
  if (quality.video_off) return { bars: 2, text: t("Your connection is weak: we turned video off for a moment; sound goes on.") };
  if (quality.sentence === "media_lost" || quality.connection === "lost") return { bars: 0, text: t("Sound and pictures are interrupted. They come back by themselves.") };
  if (quality.connection === "weak") return { bars: 2, text: t("Your connection is weak: sound goes first, pictures may stop for a moment.") };
  const pictures = pictureSentence(t, state, now);
  if (pictures) return pictures;
  const trouble = deviceTrouble(t, local);
  if (trouble) return { icon: "circle-alert", text: trouble };
  if (state.backAt && now - state.backAt < BACK_MS) return { bars: 4, text: t("You are back in the lesson."), good: true };
  return null;
}

/** Trouble as a sentence above the dock: a status, never a dialog, and nobody is thrown out. */
export function NetSentence({ blocked, onUnlock }) {
  const { t, dispatch } = useRoom();
  const sentence = useSentence(blocked);
  const [spoken, setSpoken] = useState("");
  const text = sentence?.lost ? t("Looking for your connection. Your seat and the board are kept.") : (sentence?.text ?? "");
  useEffect(() => setSpoken(text), [text]);
  return (
    <>
      <p className="rm-sr" role="status">
        {spoken}
      </p>
      {sentence && (
        <div className={`rm-net ${sentence.good ? "good" : ""}`} data-testid="net-sentence">
          {sentence.icon ? <Icon name={sentence.icon} /> : <Meter level={sentence.bars} />}
          <span>{sentence.text}</span>
          {sentence.lost && <span className="rm-wide">{t("Your seat and the board are kept; nothing to press.")}</span>}
          {sentence.unlock && (
            <button type="button" className="rm-btn s" onClick={onUnlock}>
              {t("Turn sound on")}
            </button>
          )}
          {sentence.dismiss && (
            <button type="button" className="rm-x" onClick={() => dispatch({ type: "notice", notice: null })} aria-label={t("Close this sentence")}>
              <Icon name="x" />
            </button>
          )}
        </div>
      )}
    </>
  );
}
