// Who is here: raised hands in order, devices, connection; moderators mute, lower hands and remove.
import { useState } from "react";
import { useDismiss } from "../a11y.js";
import { Icon, Meter } from "../icons.jsx";
import { hands, seated } from "../store.js";
import { connectionWords } from "../topbar.jsx";
import { initials, useRoom } from "../words.js";
import { Programs } from "./programs.jsx";

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
      <p>{t("{name} leaves the room at once and comes back only when you let them in.", { name: person.name })}</p>
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
  const { t, me, actions } = useRoom();
  const device = (source, word, label) => (
    <button type="button" className="rm-btn s g" onClick={() => actions.mute(person.person_id, source)} aria-label={label}>
      {word}
    </button>
  );
  return (
    <span className="rm-acts">
      {person.hand_at && me.moderate && (
        <button type="button" className="rm-btn s g" onClick={() => actions.lower(person.person_id)} aria-label={t("Lower the hand of {name}", { name: person.name })}>
          {t("Lower hand")}
        </button>
      )}
      {person.microphone && device("microphone", t("Mute"), t("Mute {name}", { name: person.name }))}
      {person.camera && device("camera", t("Stop camera"), t("Stop the camera of {name}", { name: person.name }))}
      {person.screen && device("screen", t("Stop sharing"), t("Stop the screen share of {name}", { name: person.name }))}
      {person.role === "student" && (
        <button type="button" className="rm-btn s g" onClick={onRemove} aria-label={t("Take {name} out of the room", { name: person.name })}>
          {t("Take out")}
        </button>
      )}
    </span>
  );
}

const seats = new Set(["instructor", "student"]);

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
      {me.oversee && !self && seats.has(person.role) && <Moderate person={person} onRemove={() => setAsking(true)} />}
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

/** One person at the door. */
function Knock({ person }) {
  const { t, actions } = useRoom();
  const note = [roleWord(t, person.role), person.removed && t("was taken out"), person.declined && t("asked to wait")].filter(Boolean).join(" · ");
  return (
    <li className="rm-person">
      <span className="rm-av m" aria-hidden="true">
        {initials(person.name)}
      </span>
      <span className="rm-name">
        <b>{person.name}</b>
        {note && <span className="rm-quiet rm-small">{note}</span>}
      </span>
      <span className="rm-line">
        <button type="button" className="rm-btn s p" onClick={() => actions.admit(person.person_id)} aria-label={t("Admit {name}", { name: person.name })} data-testid="admit">
          {t("Admit")}
        </button>
        {!person.declined && (
          <button type="button" className="rm-btn s g" onClick={() => actions.decline(person.person_id)} aria-label={t("Not now, {name}", { name: person.name })}>
            {t("Not now")}
          </button>
        )}
      </span>
    </li>
  );
}

/** Who waits, who was taken out, and who has to wait from now on. */
function Door() {
  const { t, state, actions } = useRoom();
  const { waiting, removed, mode } = state.lobby;
  const outside = removed.filter((person) => !waiting.some((one) => one.person_id === person.person_id));
  const modes = [
    ["off", t("Nobody waits")],
    ["until_instructor", t("Until the instructor is there")],
    ["always", t("Everybody, until let in")],
  ];
  return (
    <>
      {waiting.length > 0 && (
        <section aria-labelledby="rm-door" data-testid="lobby">
          <div className="rm-line wrap">
            <h2 className="rm-h3" id="rm-door">
              {t("Waiting to be let in")}
            </h2>
            <span className="rm-sp" />
            {waiting.length > 1 && (
              <button type="button" className="rm-btn s" onClick={actions.admitAll} data-testid="admit-all">
                {t("Admit all")}
              </button>
            )}
          </div>
          <ul className="rm-people">
            {waiting.map((person) => (
              <Knock key={person.person_id} person={person} />
            ))}
          </ul>
        </section>
      )}
      {outside.length > 0 && (
        <>
          <h2 className="rm-h3">{t("Taken out")}</h2>
          <ul className="rm-people">
            {outside.map((person) => (
              <li className="rm-person" key={person.person_id}>
                <span className="rm-av m" aria-hidden="true">
                  {initials(person.name)}
                </span>
                <b>{person.name}</b>
                <button type="button" className="rm-btn s" onClick={() => actions.allow(person.person_id)} aria-label={t("Let {name} come back", { name: person.name })} data-testid="allow">
                  {t("Let back in")}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      <div className="rm-field rm-doormode">
        <label htmlFor="rm-door-mode">{t("Who waits at the door")}</label>
        <select id="rm-door-mode" value={mode} onChange={(event) => actions.lobbyMode(event.target.value)} data-testid="lobby-mode">
          {modes.map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
      </div>
    </>
  );
}

export function PeoplePanel() {
  const { t, me, state } = useRoom();
  const raised = hands(state.people);
  const up = new Set(raised.map((person) => person.person_id));
  const rest = seated(state.people).filter((person) => !up.has(person.person_id));
  const others = Object.values(state.people).filter((person) => person.role === "observer" || person.role === "agent");
  return (
    <div className="rm-scroll pad" tabIndex={0} role="region" aria-label={t("People in the room")}>
      {me.oversee && <Door />}
      <Section title={t("Raised hands")} people={raised} numbered />
      <Section title={t("In the lesson")} people={rest} />
      <Section title={t("Also in the room")} people={others} />
      {me.oversee && <Programs />}
    </div>
  );
}
