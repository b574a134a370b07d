// Sending and watching with another program: an address and a token to copy. The token is asked for when it is wanted.
import { useState } from "react";
import { fetchToken } from "../roomSocket.js";
import { useRoom } from "../words.js";

/** A line to select or copy; what was copied says so on its button. */
function Copied({ id, label, value, secret = false }) {
  const { t } = useRoom();
  const [done, setDone] = useState(false);
  const copy = () => navigator.clipboard?.writeText(value).then(() => setDone(true), () => undefined);
  return (
    <div className="rm-field">
      <label htmlFor={id}>{label}</label>
      <span className="rm-line">
        <input id={id} type={secret ? "password" : "text"} value={value} readOnly autoComplete="off" onFocus={(event) => event.target.select()} />
        <button type="button" className="rm-btn s" onClick={copy} aria-label={t("Copy: {what}", { what: label })}>
          {done ? t("Copied") : t("Copy")}
        </button>
      </span>
    </div>
  );
}

/** For those who teach or oversee. */
export function Programs() {
  const { t, me, state } = useRoom();
  const [kind, setKind] = useState("");
  const [answer, setAnswer] = useState(null);
  const open = async (wanted) => {
    setKind(wanted);
    setAnswer(null);
    setAnswer(await fetchToken(state.session?.id, wanted));
  };
  return (
    <details className="rm-programs" data-testid="programs">
      <summary>{t("Send from OBS or another program")}</summary>
      <p className="rm-quiet rm-small">{t("Another program can send your screen into the lesson (WHIP) or watch it (WHEP).")}</p>
      <div className="rm-line wrap">
        {me.canSpeak && (
          <button type="button" className="rm-btn s" onClick={() => open("whip")} aria-pressed={kind === "whip"}>
            {t("To send")}
          </button>
        )}
        <button type="button" className="rm-btn s" onClick={() => open("whep")} aria-pressed={kind === "whep"}>
          {t("To watch")}
        </button>
      </div>
      {answer?.token && (
        <>
          <p className="rm-quiet rm-small">{t("Paste the address and the token there, and stay in the lesson here.")}</p>
          <Copied key={`${kind}-url`} id="rm-program-url" label={t("Address")} value={answer.url} />
          <Copied key={`${kind}-token`} id="rm-program-token" label={t("Token")} value={answer.token} secret />
          <p className="rm-quiet rm-small">{t("Keep the token to yourself: whoever has it can send or watch in this lesson, in your name.")}</p>
        </>
      )}
      {answer && !answer.token && (
        <p className="rm-warn" role="alert">
          {answer.message || t("That did not work. Please try again.")}
        </p>
      )}
    </details>
  );
}
