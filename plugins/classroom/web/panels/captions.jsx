// The captions so far, their size, and what is so when there are none.
import { useEffect, useRef } from "react";
import { Icon } from "../icons.jsx";
import { useRoom } from "../words.js";

const sizes = (t) => [
  ["small", t("Small")],
  ["medium", t("Medium")],
  ["large", t("Large")],
];

/** ms since the lesson's start -> 4:05. */
const moment = (ms) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;

function Settings() {
  const { t, captions, actions } = useRoom();
  return (
    <fieldset className="rm-sizes">
      <legend className="rm-small">{t("Size of the captions on the stage")}</legend>
      <div className="rm-seg light">
        {sizes(t).map(([size, word]) => (
          <button key={size} type="button" aria-pressed={captions.size === size} onClick={() => actions.captionSize(size)}>
            {word}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

export function CaptionsPanel() {
  const { t, state, captions } = useRoom();
  const list = useRef(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [state.captionLog.length]);
  if (!captions.engine)
    return (
      <div className="rm-empty">
        <Icon name="captions-off" size={24} />
        <h2 className="rm-h3">{t("Captions are off in this lesson")}</h2>
        <p>{t("No speech model is installed, so there will be no transcript. The lesson is not affected.")}</p>
      </div>
    );
  const low = captions.low_accuracy || state.captionLog.some((row) => row.low_accuracy);
  return (
    <div className="rm-fill">
      <div className="rm-scroll" ref={list} tabIndex={0} role="log" aria-live="off" aria-label={t("Captions so far")} onScroll={({ currentTarget: node }) => (atEnd.current = node.scrollHeight - node.scrollTop - node.clientHeight < 60)}>
        {low && <p className="rm-note">{t("Captions are made by a small model and may be inaccurate.")}</p>}
        {state.captionLog.length ? (
          <ol className="rm-log">
            {state.captionLog.map((row) => (
              <li key={row.key}>
                <time>{moment(row.started_ms)}</time>
                <p>
                  <b>{row.name}</b> {row.text}
                </p>
              </li>
            ))}
          </ol>
        ) : (
          <div className="rm-empty">
            <Icon name="captions" size={24} />
            <p>{t("What is said appears here, for people who agreed to captions.")}</p>
          </div>
        )}
      </div>
      <Settings />
    </div>
  );
}
