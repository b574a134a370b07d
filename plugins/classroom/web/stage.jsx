// The middle of the room: whiteboard, shared screen or people, with captions laid over it.
import { useEffect, useState } from "react";
import { useTick } from "./a11y.js";
import { Icon } from "./icons.jsx";
import { Picture, TileColumn, TileGrid, TileStrip } from "./tiles.jsx";
import { firstName, useRoom } from "./words.js";

const CAPTION_MS = 6000;

/** {person, track, own} of the screen that is shared, or null. A newer share wins. */
export function useSharedScreen() {
  const { tracks, local, state, me } = useRoom();
  if (local.screen.on) return { person: { name: me.name, person_id: me.person_id }, track: local.screen.track, own: true };
  const key = Object.keys(tracks).findLast((name) => name.endsWith("/screen"));
  if (!key) return null;
  const participantId = key.slice(0, -"/screen".length);
  const person = Object.values(state.people).find((row) => row.participant_id === participantId || row.program === participantId);
  return person ? { person, track: tracks[key], participantId, own: false } : null;
}

/** What is on stage: the person's choice, until somebody starts or stops sharing. */
export function useStage(hasBoard) {
  const shared = useSharedScreen();
  const home = hasBoard ? "board" : "people";
  const [stage, setStage] = useState(home);
  const sharing = shared && !shared.own ? shared.participantId : "";
  useEffect(() => {
    setStage((now) => (sharing ? "screen" : now === "screen" ? home : now));
  }, [sharing, home]);
  return { stage, setStage, shared };
}

export const stageWords = (t) => ({
  board: ["pencil-ruler", t("Whiteboard")],
  screen: ["screen-share", t("Screen")],
  people: ["user-round", t("People")],
});

function StageSwitch({ stage, setStage, hasBoard }) {
  const { t } = useRoom();
  const words = stageWords(t);
  const kinds = hasBoard ? ["board", "screen", "people"] : ["screen", "people"];
  return (
    <div className="rm-seg" role="group" aria-label={t("On stage")}>
      {kinds.map((kind) => (
        <button key={kind} type="button" aria-pressed={stage === kind} onClick={() => setStage(kind)}>
          <Icon name={words[kind][0]} /> <span>{words[kind][1]}</span>
        </button>
      ))}
    </div>
  );
}

function ScreenStage({ shared }) {
  const { t, actions, me } = useRoom();
  if (!shared)
    return (
      <div className="rm-empty onboard">
        <Icon name="screen-share" size={24} />
        <p>{t("Nobody shares a screen now. A shared screen appears here by itself.")}</p>
        {me.canShare && (
          <button type="button" className="rm-btn" onClick={actions.toggleShare}>
            {t("Share your screen")}
          </button>
        )}
      </div>
    );
  if (shared.own)
    return (
      <div className="rm-empty onboard">
        <Icon name="monitor-up" size={24} />
        <p>{t("Everybody sees your screen.")}</p>
        <button type="button" className="rm-btn" onClick={actions.toggleShare}>
          {t("Stop sharing")}
        </button>
      </div>
    );
  return <Picture track={shared.track} name={shared.person.name} participantId={shared.participantId} source="screen" />;
}

/** The newest line that is still being said, two lines at most. Spoken aloud already, so not a live region. */
export function CaptionLine({ size }) {
  const { t, state } = useRoom();
  const now = useTick(1000);
  const line = Object.values(state.captions)
    .filter((row) => now - row.at < CAPTION_MS && row.text)
    .sort((a, b) => a.at - b.at)
    .pop();
  if (!line) return null;
  return (
    <div className={`rm-cap ${size}`} role="log" aria-live="off" aria-label={t("Captions")} data-testid="caption">
      <b>{firstName(line.name)}</b>
      <p>
        <span>{line.text}</span>
      </p>
      {line.low_accuracy && <span className="rm-low">{t("may be inaccurate")}</span>}
    </div>
  );
}

/** children: the whiteboard; mounted from the start, so that its strokes and undo survive a change of stage. */
export function Stage({ children, stage, setStage, shared, captions, captionSize, strip, onPeople }) {
  const { t } = useRoom();
  const hasBoard = Boolean(children);
  return (
    <>
      <section className={`rm-paper ${stage}`} aria-label={t("Stage")}>
        <div className="rm-switch">
          <StageSwitch stage={stage} setStage={setStage} hasBoard={hasBoard} />
        </div>
        {hasBoard && (
          <div className="rm-boardbox" data-own-keys="" inert={stage !== "board"} data-hidden={stage !== "board" || undefined}>
            {children}
          </div>
        )}
        {stage === "screen" && <ScreenStage shared={shared} />}
        {stage === "people" && <TileGrid />}
        {captions && <CaptionLine size={captionSize} />}
      </section>
      {stage !== "people" && (strip ? <TileStrip onMore={onPeople} /> : <TileColumn onMore={onPeople} />)}
    </>
  );
}
