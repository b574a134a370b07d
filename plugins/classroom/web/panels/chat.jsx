// Chat with everybody, or with one person: students write privately to the instructor alone.
import { useEffect, useRef, useState } from "react";
import { Icon } from "../icons.jsx";
import { seated } from "../store.js";
import { firstName, useRoom } from "../words.js";

const LONGEST = 2000;

function ChatRow({ row }) {
  const { t, state, me, clock } = useRoom();
  const own = row.person_id === me.person_id;
  const to = row.to !== "all" && row.to;
  const reader = to && (to === me.person_id ? t("only to you") : t("only to {name}", { name: firstName(state.people[to]?.name) || t("the instructor") }));
  return (
    <li className={`rm-msg ${own ? "own" : ""}`}>
      <p className="rm-who">
        <b>{own ? t("You") : row.name}</b>
        {reader && (
          <span className="rm-private">
            <Icon name="lock" size={13} /> {reader}
          </span>
        )}
        <time dateTime={row.at}>{clock.clock(row.at)}</time>
      </p>
      <p className="rm-text">{row.text}</p>
    </li>
  );
}

/** Whom one may write to: everybody, and privately the instructor (or, for moderators, each person). */
function readers(state, me) {
  return seated(state.people).filter((person) => person.person_id !== me.person_id && (me.moderate || person.role === "instructor"));
}

function Composer() {
  const { t, state, me, actions } = useRoom();
  const [text, setText] = useState("");
  const [to, setTo] = useState("all");
  const [problem, setProblem] = useState("");
  const people = readers(state, me);
  const reader = to === "all" || people.some((person) => person.person_id === to) ? to : "all";
  const send = (event) => {
    event?.preventDefault();
    const words = text.trim();
    if (!words) return;
    if (!actions.chat(words, reader)) return setProblem(t("Not connected now. Your text is kept; send it when you are back."));
    setProblem("");
    setText("");
  };
  const keys = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) send(event);
  };
  return (
    <form className="rm-composer" onSubmit={send}>
      <div className="rm-line">
        <label htmlFor="rm-chat-to" className="rm-small">
          {t("To")}
        </label>
        <select id="rm-chat-to" value={reader} onChange={(event) => setTo(event.target.value)}>
          <option value="all">{t("Everyone")}</option>
          {people.map((person) => (
            <option key={person.person_id} value={person.person_id}>
              {t("Only {name}", { name: person.name })}
            </option>
          ))}
        </select>
      </div>
      <div className="rm-line">
        <textarea aria-label={t("Your message")} placeholder={t("Write a message")} value={text} maxLength={LONGEST} rows={2} onChange={(event) => setText(event.target.value)} onKeyDown={keys} />
        <button type="submit" className="rm-btn p ic" aria-label={t("Send")} disabled={!text.trim()}>
          <Icon name="send-horizontal" />
        </button>
      </div>
      {problem && (
        <p className="rm-small rm-problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}

export function ChatPanel() {
  const { t, state, me } = useRoom();
  const list = useRef(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [state.chat.length]);
  const scrolled = ({ currentTarget: node }) => {
    atEnd.current = node.scrollHeight - node.scrollTop - node.clientHeight < 60;
  };
  return (
    <div className="rm-fill">
      <div className="rm-scroll" ref={list} onScroll={scrolled} tabIndex={0} role="log" aria-live="off" aria-label={t("Chat messages")}>
        {state.chat.length ? (
          <ul className="rm-msgs">
            {state.chat.map((row) => (
              <ChatRow key={row.id} row={row} />
            ))}
          </ul>
        ) : (
          <div className="rm-empty">
            <Icon name="message-square" size={24} />
            <p>{t("Messages of this lesson appear here. Everybody in the room can read what you write to everyone.")}</p>
          </div>
        )}
      </div>
      {me.canChat && <Composer />}
    </div>
  );
}
