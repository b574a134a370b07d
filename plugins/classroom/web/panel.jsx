// The tools beside the stage: four tabs. A column on wide screens, a sheet from the side or from below otherwise.
import { onTabKeys, useDismiss } from "./a11y.js";
import { Icon } from "./icons.jsx";
import { CaptionsPanel } from "./panels/captions.jsx";
import { ChatPanel } from "./panels/chat.jsx";
import { PeoplePanel } from "./panels/people.jsx";
import { PollsPanel } from "./panels/polls.jsx";
import { currentPoll, hands, knocking } from "./store.js";
import { useRoom } from "./words.js";

/** What this room has: its course may do without chat, polls or captions. */
const tabs = (off) => ["chat", "people", "polls", "captions"].filter((id) => !off.includes(id));

function Tabs({ shown, ids }) {
  const { t, state, actions } = useRoom();
  const words = {
    chat: ["message-square", t("Chat"), state.unread],
    people: ["users", t("People"), hands(state.people).length + knocking(state.lobby).length],
    polls: ["chart-bar-decreasing", t("Polls"), currentPoll(state)?.status === "open" && state.panel !== "polls" ? 1 : 0],
    captions: ["captions", t("Captions"), 0],
  };
  return (
    <div className="rm-tabs" role="tablist" aria-label={t("Tools")} onKeyDown={(event) => onTabKeys(event, ids, shown, actions.openPanel)}>
      {ids.map((id) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`rm-tab-${id}`}
          data-tab={id}
          aria-selected={shown === id}
          aria-controls="rm-panel"
          aria-label={words[id][2] ? `${words[id][1]}, ${words[id][2]}` : undefined}
          tabIndex={shown === id ? 0 : -1}
          onClick={() => actions.openPanel(id)}
        >
          <Icon name={words[id][0]} size={20} />
          <span>{words[id][1]}</span>
          {words[id][2] ? <em aria-hidden="true">{words[id][2]}</em> : null}
        </button>
      ))}
    </div>
  );
}

/** layout: column | side | bottom. draft: the poll being written. */
export function Panel({ layout, draft, setDraft }) {
  const { t, state, actions, me } = useRoom();
  const ids = tabs(me.toolsOff);
  const shown = ids.includes(state.panel) ? state.panel : "people";
  const sheet = layout !== "column";
  const box = useDismiss(sheet && state.sheet, actions.closeSheet, { outside: false, focus: state.sheetByPerson });
  if (sheet && !state.sheet) return null;
  const bodies = {
    chat: <ChatPanel />,
    people: <PeoplePanel />,
    polls: <PollsPanel draft={draft} setDraft={setDraft} />,
    captions: <CaptionsPanel />,
  };
  return (
    <aside className={`rm-panel ${layout}`} ref={box} aria-label={t("Tools")}>
      <div className="rm-head">
        <Tabs shown={shown} ids={ids} />
        {sheet && (
          <button type="button" className="rm-grab" onClick={actions.closeSheet} aria-label={t("Close the tools")}>
            <Icon name={layout === "bottom" ? "chevron-down" : "x"} size={20} />
          </button>
        )}
      </div>
      <div className="rm-body" role="tabpanel" id="rm-panel" aria-labelledby={`rm-tab-${shown}`}>
        {bodies[shown]}
      </div>
    </aside>
  );
}
