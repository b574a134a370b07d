// Polls and checks. Moderators open, watch with names, close and show; students answer and see what is shown.
import { useEffect, useState } from "react";
import { useTick } from "../a11y.js";
import { Icon } from "../icons.jsx";
import { currentPoll } from "../store.js";
import { firstName, stopwatch, useRoom } from "../words.js";

const LETTERS = "ABCDEFGH";
const MOST_OPTIONS = 8;
const FEWEST_OPTIONS = 2;
const LONGEST_QUESTION = 500;
const LONGEST_OPTION = 200;

function StateDot() {
  return (
    <svg className="rm-st" viewBox="0 0 14 14" aria-hidden="true" focusable="false">
      <circle cx="7" cy="7" r="6.5" fill="var(--teal-4)" />
      <circle cx="7" cy="7" r="3.8" fill="var(--accent)" />
    </svg>
  );
}

function StatusChip({ poll }) {
  const { t } = useRoom();
  const now = useTick(1000);
  if (poll.status === "open")
    return (
      <span className="rm-chip acc">
        <StateDot /> {t("Open")} {stopwatch(now - poll.openedAt)}
      </span>
    );
  return <span className="rm-chip">{poll.status === "shown" ? t("Shown to everyone") : t("Closed")}</span>;
}

function Bars({ poll, names }) {
  const { t, state } = useRoom();
  const counts = poll.counts ?? poll.options.map(() => 0);
  const total = Math.max(1, counts.reduce((sum, count) => sum + count, 0));
  const who = (option) => (poll.answers ?? []).filter((answer) => answer.option === option).map((answer) => firstName(state.people[answer.person_id]?.name) || t("left"));
  return (
    <ul className="rm-bars2">
      {poll.options.map((option, place) => {
        const right = poll.right === place;
        return (
          <li key={place} className={right ? "right" : ""}>
            <span className="k" aria-hidden="true">
              {LETTERS[place]}
            </span>
            <span className="tx">
              {option} {right && <Icon name="check" />}
              {right && <span className="rm-sr">{t("right answer")}</span>}
              {poll.mine === place && <span className="rm-mine">{t("your answer")}</span>}
            </span>
            <b className="num">{counts[place]}</b>
            <span className="bar" aria-hidden="true">
              <i style={{ width: `${(counts[place] / total) * 100}%` }} />
            </span>
            {names && (
              <span className="ppl">
                {who(place).length ? who(place).map((name, index) => <span key={index}>{name}</span>) : <span>{t("No one yet")}</span>}
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function ModeratorPoll({ poll }) {
  const { t, actions } = useRoom();
  return (
    <section aria-label={t("Current poll")}>
      <div className="rm-line">
        <StatusChip poll={poll} />
        <span className="rm-sp" />
        <span className="rm-small rm-quiet">{t("Names are seen only by you")}</span>
      </div>
      <h2>{poll.question}</h2>
      <p className="rm-small rm-quiet" role="status">
        {t("{n} of {m} answered.", { n: poll.answered, m: poll.expected })}
      </p>
      <Bars poll={poll} names />
      {poll.status !== "shown" && (
        <div className="rm-line grow">
          {poll.status === "open" && (
            <button type="button" className="rm-btn p" onClick={() => actions.closePoll(poll.id)}>
              {t("Close poll")}
            </button>
          )}
          <button type="button" className={`rm-btn ${poll.status === "open" ? "" : "p"}`} onClick={() => actions.showPoll(poll.id)}>
            {t("Show to class")}
          </button>
        </div>
      )}
    </section>
  );
}

function AnswerCards({ poll }) {
  const { t, state, actions, instructorName } = useRoom();
  const [chosen, setChosen] = useState(poll.mine);
  const [problem, setProblem] = useState("");
  useEffect(() => setChosen(poll.mine), [poll.id, poll.mine]);
  const sent = poll.mine !== null && poll.mine !== undefined;
  const submit = (event) => {
    event.preventDefault();
    if (chosen === null || chosen === undefined) return;
    setProblem(actions.answerPoll(poll.id, chosen) ? "" : t("Not connected now. Send your answer again when you are back."));
  };
  return (
    <form onSubmit={submit}>
      <fieldset className="rm-cards" disabled={sent}>
        <legend>
          <h2>{poll.question}</h2>
        </legend>
        {poll.options.map((option, place) => (
          <label key={place} className={chosen === place ? "on" : ""}>
            <input type="radio" name={`poll-${poll.id}`} value={place} checked={chosen === place} onChange={() => setChosen(place)} />
            <span className="k" aria-hidden="true">
              {chosen === place ? <Icon name="check" /> : LETTERS[place]}
            </span>
            <span>{option}</span>
          </label>
        ))}
      </fieldset>
      {!sent && (
        <button type="submit" className="rm-btn p w" disabled={chosen === null || chosen === undefined || state.connection !== "open"}>
          {t("Send my answer")}
        </button>
      )}
      <p className="rm-small rm-quiet rm-after" role="status">
        {problem || (sent ? t("Sent. Only {name} sees your answer.", { name: instructorName }) : "")}
      </p>
    </form>
  );
}

function StudentPoll({ poll }) {
  const { t, me, instructorName } = useRoom();
  return (
    <section aria-label={t("Current poll")}>
      <div className="rm-line">
        {poll.status === "open" ? (
          <span className="rm-chip acc">
            <StateDot /> {poll.kind === "check" ? t("Check") : t("Poll")}
          </span>
        ) : (
          <StatusChip poll={poll} />
        )}
        <span className="rm-sp" />
        {poll.status === "open" && me.role === "student" && <span className="rm-small rm-quiet">{t("Only {name} sees your answer", { name: instructorName })}</span>}
      </div>
      {poll.status === "open" && me.role === "student" ? (
        <AnswerCards poll={poll} />
      ) : (
        <>
          <h2>{poll.question}</h2>
          {poll.counts ? <Bars poll={poll} /> : <ClosedAnswer poll={poll} />}
        </>
      )}
    </section>
  );
}

function ClosedAnswer({ poll }) {
  const { t } = useRoom();
  const mine = poll.options[poll.mine];
  return <p className="rm-quiet">{mine ? t("You answered: {answer}.", { answer: mine }) : t("You did not answer this one.")}</p>;
}

/** draft: {kind, question, options, right}, kept by the room, so that closing the sheet loses nothing. */
function Compose({ draft, setDraft }) {
  const { t, actions, state } = useRoom();
  const [problem, setProblem] = useState("");
  const change = (changes) => setDraft({ ...draft, ...changes });
  const option = (place, text) => change({ options: draft.options.map((old, index) => (index === place ? text : old)) });
  const drop = (place) => change({ options: draft.options.filter((_, index) => index !== place), right: draft.right === place ? null : draft.right > place ? draft.right - 1 : draft.right });
  const start = (event) => {
    event.preventDefault();
    const filled = draft.options.map((text, place) => ({ text: text.trim(), place })).filter((row) => row.text);
    if (!draft.question.trim()) return setProblem(t("Write the question first."));
    if (filled.length < FEWEST_OPTIONS) return setProblem(t("Write at least two answers."));
    const right = filled.findIndex((row) => row.place === draft.right);
    if (draft.kind === "check" && right < 0) return setProblem(t("Mark the right answer of the check."));
    const opened = actions.openPoll({ kind: draft.kind, question: draft.question.trim(), options: filled.map((row) => row.text), right: right < 0 ? null : right });
    if (!opened) return setProblem(t("Not connected now. Your poll is kept; start it when you are back."));
    setDraft(null);
  };
  return (
    <form className="rm-compose" onSubmit={start}>
      <h2>{draft.kind === "check" ? t("New check") : t("New poll")}</h2>
      <p className="rm-small rm-quiet">{draft.kind === "check" ? t("A check has one right answer. Answers stay hidden until you show them.") : t("Answers stay hidden until you show them.")}</p>
      <label htmlFor="rm-q">{t("Question")}</label>
      <textarea id="rm-q" rows={2} maxLength={LONGEST_QUESTION} value={draft.question} onChange={(event) => change({ question: event.target.value })} autoFocus />
      <fieldset>
        <legend>{t("Answers, and which one is right")}</legend>
        {draft.options.map((text, place) => (
          <div className="rm-option" key={place}>
            <label className="rm-right">
              <input type="checkbox" checked={draft.right === place} onChange={() => change({ right: draft.right === place ? null : place })} aria-label={t("Answer {letter} is right", { letter: LETTERS[place] })} />
              <span aria-hidden="true">{LETTERS[place]}</span>
            </label>
            <input type="text" maxLength={LONGEST_OPTION} value={text} onChange={(event) => option(place, event.target.value)} aria-label={t("Answer {letter}", { letter: LETTERS[place] })} />
            {draft.options.length > FEWEST_OPTIONS && (
              <button type="button" className="rm-btn s g ic" onClick={() => drop(place)} aria-label={t("Remove answer {letter}", { letter: LETTERS[place] })}>
                <Icon name="x" />
              </button>
            )}
          </div>
        ))}
        {draft.options.length < MOST_OPTIONS && (
          <button type="button" className="rm-btn s g" onClick={() => change({ options: [...draft.options, ""] })}>
            <Icon name="plus" /> {t("Add an answer")}
          </button>
        )}
      </fieldset>
      {problem && (
        <p className="rm-small rm-problem" role="alert">
          {problem}
        </p>
      )}
      <div className="rm-line grow">
        <button type="submit" className="rm-btn p" disabled={state.connection !== "open"}>
          {t("Start")}
        </button>
        <button type="button" className="rm-btn" onClick={() => setDraft(null)}>
          {t("Cancel")}
        </button>
      </div>
    </form>
  );
}

function Earlier({ polls, again }) {
  const { t, me } = useRoom();
  if (!polls.length) return null;
  return (
    <>
      <hr className="rm-hr" />
      <h2 className="rm-h3">{t("Earlier in this lesson")}</h2>
      <ul className="rm-earlier">
        {polls.map((poll) => (
          <li key={poll.id}>
            <details>
              <summary>
                <Icon name={poll.kind === "check" ? "list-checks" : "chart-bar-decreasing"} /> <span>{poll.question}</span>
              </summary>
              {poll.counts ? <Bars poll={poll} names={me.moderate} /> : <ClosedAnswer poll={poll} />}
              {me.poll && (
                <button type="button" className="rm-btn s" onClick={() => again(poll)}>
                  {t("Ask again")}
                </button>
              )}
            </details>
          </li>
        ))}
      </ul>
    </>
  );
}

export const emptyDraft = (kind) => ({ kind, question: "", options: ["", "", ""], right: null });

export function PollsPanel({ draft, setDraft }) {
  const { t, state, me, actions } = useRoom();
  const poll = currentPoll(state);
  const earlier = state.pollOrder
    .map((id) => state.polls[id])
    .filter((row) => row && row.id !== poll?.id)
    .reverse();
  const again = (row) => setDraft({ kind: row.kind, question: row.question, options: [...row.options], right: row.right });
  return (
    <div className="rm-scroll pad" tabIndex={0} role="region" aria-label={t("Polls")}>
      {me.poll && draft ? (
        <Compose draft={draft} setDraft={setDraft} />
      ) : poll ? (
        me.moderate ? (
          <ModeratorPoll poll={poll} />
        ) : (
          <StudentPoll key={poll.id} poll={poll} />
        )
      ) : (
        <div className="rm-empty">
          <Icon name="chart-bar-decreasing" size={24} />
          <p>{me.poll ? t("Ask the class a question and see who follows.") : t("Questions of your instructor appear here.")}</p>
        </div>
      )}
      {me.poll && !draft && poll?.status !== "open" && (
        <div className="rm-line grow">
          <button type="button" className="rm-btn" onClick={() => actions.compose("poll")}>
            {t("New poll")}
          </button>
          <button type="button" className="rm-btn" onClick={() => actions.compose("check")}>
            {t("New check")}
          </button>
        </div>
      )}
      <Earlier polls={earlier} again={again} />
    </div>
  );
}
