// Who is here: raised hands in order, devices, connection; moderators mute, lower hands and remove.
import { useState } from "react";
import { useDismiss } from "../a11y.js";
import { Icon, Meter } from "../icons.jsx";
import { hands, seated } from "../store.js";
import { connectionWords } from "../topbar.jsx";
import { initials, useRoom } from "../words.js";

function roleWord(t, role) {
  return { instructor: t("Instructor"), student: "", observer: t("Looking in"), agent: t("Assistant") }[role] ?? "";
}

function Devices({ person }) {
  const { t } = useRoom();
  const [bars, word] = connectionWords(t, person.connection);
  if (person.role === "agent") return null;
  return (
    <span className="rm-devices">
      {person.role !== "observer" && (
        <>
          <span role="img" aria-label={person.microphone ? t("Microphone on") : t("Microphone off")}>
            <Icon name={person.microphone ? "mic" : "mic-off"} />
          </span>
          <span role="img" aria-label={person.camera ? t("Camera on") : t("Camera off")}>
            <Icon name={person.camera ? "video" : "video-off"} />
          </span>
        </>
      )}
      <span role="img" className={person.connection === "good" ? "" : "rm-warn"} aria-label={t("Connection: {state}", { state: word })}>
        <Meter level={bars} />
      </span>
    </span>
  );
}

function RemoveConfirm({ person, close }) {
  const { t, actions } = useRoom();
  const box = useDismiss(true, close, { outside: false });
  return (
    <div className="rm-confirm" ref={box} role="group" aria-label={t("Take {name} out of the room?", { name: person.name })}>
      <p>{t("{name} leaves the room at once and loses what was not sent yet.", { name: person.name })}</p>
      <div className="rm-line wrap">
        <button
          type="button"
          className="rm-btn s danger"
          onClick={() => {
            actions.remove(person.person_id);
            close();
          }}
        >
          {t("Take out")}
        </button>
        <button type="button" className="rm-btn s" onClick={close} data-autofocus="">
          {t("Keep")}
        </button>
      </div>
    </div>
  );
}

function Moderate({ person, onRemove }) {
  const { t, actions } = useRoom();
  return (
    <span className="rm-acts">
      {person.hand_at && (
        <button type="button" className="rm-btn s g" onClick={() => actions.lower(person.person_id)} aria-label={t("Lower the hand of {name}", { name: person.name })}>
          {t("Lower hand")}
        </button>
      )}
      {person.microphone && (
        <button type="button" className="rm-btn s g" onClick={() => actions.mute(person.person_id)} aria-label={t("Mute {name}", { name: person.name })}>
          {t("Mute")}
        </button>
      )}
      <button type="button" className="rm-btn s g" onClick={onRemove} aria-label={t("Take {name} out of the room", { name: person.name })}>
        {t("Take out")}
      </button>
    </span>
  );
}

function PersonRow({ person, place }) {
  const { t, me, local } = useRoom();
  const [asking, setAsking] = useState(false);
  const self = person.person_id === me.person_id;
  const shown = self ? { ...person, camera: local.camera.on, microphone: local.microphone.on, connection: "good" } : person;
  const note = [self && t("you"), roleWord(t, person.role), person.connection === "lost" && !self && t("coming back")].filter(Boolean).join(" · ");
  return (
    <li className="rm-person">
      <span className="rm-av m" aria-hidden="true">
        {initials(person.name)}
      </span>
      <span className="rm-name">
        <b>{person.name}</b>
        {note && <span className="rm-quiet rm-small">{note}</span>}
        {person.hand_at && (
          <span className="rm-small rm-hand">
            <Icon name="hand" size={13} /> {place ? t("Hand up, number {n}", { n: place }) : t("Hand up")}
          </span>
        )}
      </span>
      <Devices person={shown} />
      {me.moderate && !self && person.role !== "agent" && <Moderate person={person} onRemove={() => setAsking(true)} />}
      {asking && <RemoveConfirm person={person} close={() => setAsking(false)} />}
    </li>
  );
}

function Section({ title, people, numbered }) {
  if (!people.length) return null;
  return (
    <>
      <h2 className="rm-h3">{title}</h2>
      <ul className="rm-people">
        {people.map((person, index) => (
          <PersonRow key={person.person_id} person={person} place={numbered ? index + 1 : 0} />
        ))}
      </ul>
    </>
  );
}

export function PeoplePanel() {
  const { t, state } = useRoom();
  const raised = hands(state.people);
  const up = new Set(raised.map((person) => person.person_id));
  const rest = seated(state.people).filter((person) => !up.has(person.person_id));
  const others = Object.values(state.people).filter((person) => person.role === "observer" || person.role === "agent");
  return (
    <div className="rm-scroll pad" tabIndex={0} role="region" aria-label={t("People in the room")}>
      <Section title={t("Raised hands")} people={raised} numbered />
      <Section title={t("In the lesson")} people={rest} />
      <Section title={t("Also in the room")} people={others} />
    </div>
  );
}
