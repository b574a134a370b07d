// The row of buttons under the stage. Icon and word always; pressed and off states are spoken.
import { useState } from "react";
import { useDismiss } from "./a11y.js";
import { Icon } from "./icons.jsx";
import { stageWords } from "./stage.jsx";
import { currentPoll, hands, knocking } from "./store.js";
import { reactionWords } from "./tiles.jsx";
import { useRoom } from "./words.js";

/** pressed undefined = a plain button; off = the red, slashed look of a device that is off. */
function DockButton({ icon, label, onClick, pressed, off, count, keys, title, expanded, className = "", disabled, testid }) {
  return (
    <button
      type="button"
      className={`rm-d ${off ? "off" : pressed ? "on" : ""} ${className}`}
      aria-pressed={pressed}
      aria-expanded={expanded}
      aria-keyshortcuts={keys}
      aria-label={count ? `${label}, ${count}` : undefined}
      title={title}
      onClick={onClick}
      disabled={disabled}
      data-testid={testid}
    >
      <Icon name={icon} size={20} />
      <span>{label}</span>
      {count ? <em aria-hidden="true">{count}</em> : null}
    </button>
  );
}

function ReactMenu({ close }) {
  const { t, actions } = useRoom();
  const box = useDismiss(true, close);
  return (
    <div className="rm-pop" ref={box} role="group" aria-label={t("Reactions")}>
      {Object.entries(reactionWords(t)).map(([reaction, [icon, word]]) => (
        <button
          key={reaction}
          type="button"
          onClick={() => {
            actions.react(reaction);
            close();
          }}
        >
          <Icon name={icon} size={20} />
          <span>{word}</span>
        </button>
      ))}
    </div>
  );
}

/** What ends, what stays; the one place that asks before it acts. */
function EndDialog({ close }) {
  const { t, actions } = useRoom();
  const box = useDismiss(true, close);
  return (
    <div className="rm-pop end" ref={box} role="dialog" aria-labelledby="rm-end-title" aria-describedby="rm-end-text">
      <h2 id="rm-end-title">{t("End the lesson for everyone?")}</h2>
      <p id="rm-end-text">{t("Everybody leaves the room and it cannot be opened again. The board, the chat and the attendance are kept, and the summary is prepared.")}</p>
      <div className="rm-line wrap">
        <button type="button" className="rm-btn danger" onClick={actions.end} data-testid="end-now">
          {t("End for everyone")}
        </button>
        <button type="button" className="rm-btn" onClick={actions.leave}>
          {t("Only leave")}
        </button>
        <button type="button" className="rm-btn g" onClick={close} data-autofocus="">
          {t("Stay")}
        </button>
      </div>
    </div>
  );
}

/** Start and stop, and who will not be in it and why. */
function RecordMenu({ close }) {
  const { t, state, actions } = useRoom();
  const box = useDismiss(true, close);
  const { on, not_recorded: missing } = state.recording;
  const names = missing.map((id) => state.people[id]?.name).filter(Boolean).join(", ");
  return (
    <div className="rm-pop end" ref={box} role="dialog" aria-labelledby="rm-rec-title" aria-describedby="rm-rec-text">
      <h2 id="rm-rec-title">{on ? t("This lesson is being recorded") : t("Record this lesson?")}</h2>
      <p id="rm-rec-text">
        {names ? t("Not recorded, because they or their family have not agreed: {names}.", { names }) : t("Everybody here has agreed to be recorded.")}{" "}
        {t("What you share on your screen is recorded too.")}
      </p>
      <div className="rm-line wrap">
        <button
          type="button"
          className={`rm-btn ${on ? "danger" : "p"}`}
          data-autofocus=""
          data-testid="record-now"
          onClick={() => {
            actions.record(!on);
            close();
          }}
        >
          {on ? t("Stop recording") : t("Start recording")}
        </button>
        <button type="button" className="rm-btn g" onClick={close}>
          {t("Cancel")}
        </button>
      </div>
    </div>
  );
}

function RecordButton() {
  const { t, state } = useRoom();
  return (
    <Popup icon="circle-dot" label={t("Record")} pressed={state.recording.on} testid="dock-record">
      {(close) => <RecordMenu close={close} />}
    </Popup>
  );
}

function MicButton() {
  const { t, local, actions } = useRoom();
  const { on } = local.microphone;
  return <DockButton icon={on ? "mic" : "mic-off"} label={t("Mic")} off={!on} pressed={on} keys="M" title={on ? t("Turn the microphone off (M)") : t("Turn the microphone on (M)")} onClick={actions.toggleMicrophone} testid="dock-mic" />;
}

function CameraButton() {
  const { t, local, actions } = useRoom();
  const { on } = local.camera;
  return <DockButton icon={on ? "video" : "video-off"} label={t("Camera")} off={!on} pressed={on} keys="V" title={on ? t("Turn the camera off (V)") : t("Turn the camera on (V)")} onClick={actions.toggleCamera} testid="dock-camera" />;
}

function ShareButton() {
  const { t, local, actions } = useRoom();
  const { on } = local.screen;
  return <DockButton icon="monitor-up" label={t("Share")} pressed={on} title={on ? t("Stop sharing your screen") : t("Share your screen")} onClick={actions.toggleShare} testid="dock-share" />;
}

/** Only while somebody waits at the door: one press shows who. */
function AdmitButton() {
  const { t, state, actions } = useRoom();
  const count = knocking(state.lobby).length;
  if (!count) return null;
  return <DockButton icon="door-open" label={t("Admit")} count={count} title={t("People wait to be let in")} onClick={() => actions.openPanel("people")} className="ask" testid="dock-admit" />;
}

/** Students raise their own hand; whoever moderates sees how many are up. */
function HandButton() {
  const { t, state, me, actions } = useRoom();
  if (me.moderate) {
    const count = hands(state.people).length;
    return <DockButton icon="hand" label={t("Hands")} count={count} keys="H" title={t("See raised hands (H)")} onClick={() => actions.openPanel("people")} testid="dock-hand" />;
  }
  const up = Boolean(state.people[me.person_id]?.hand_at);
  return <DockButton icon="hand" label={t("Hand")} pressed={up} keys="H" title={up ? t("Lower your hand (H)") : t("Raise your hand (H)")} onClick={actions.toggleHand} testid="dock-hand" />;
}

function CaptionsButton() {
  const { t, captions, actions } = useRoom();
  return <DockButton icon="captions" label={t("Captions")} pressed={captions.on} keys="C" title={captions.on ? t("Hide captions (C)") : t("Show captions (C)")} onClick={actions.toggleCaptions} testid="dock-captions" />;
}

function PanelButton({ phone }) {
  const { t, state, me, actions } = useRoom();
  const poll = currentPoll(state);
  const waiting = poll?.status === "open" && poll.mine === null && me.role === "student" ? 1 : 0;
  const panel = phone && poll?.status === "open" ? "polls" : me.toolsOff.includes("chat") ? "people" : "chat";
  const [icon, label] = { polls: ["chart-bar-decreasing", t("Poll")], chat: ["message-square", t("Chat")], people: ["users", t("People")] }[panel];
  const open = state.sheet && (!phone || state.panel === panel);
  return <DockButton icon={icon} label={label} count={state.unread + (panel === "polls" ? waiting : 0)} expanded={open} pressed={open} onClick={() => (open ? actions.closeSheet() : actions.openPanel(phone ? panel : state.panel))} testid="dock-panel" />;
}

function Popup({ label, icon, pressed, className, children, testid }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="rm-popper">
      <DockButton icon={icon} label={label} expanded={open} pressed={pressed} className={className} onClick={() => setOpen(!open)} testid={testid} />
      {open && children(() => setOpen(false))}
    </div>
  );
}

function LeaveButton({ className = "end" }) {
  const { t, actions, me } = useRoom();
  if (me.oversee)
    return (
      <Popup icon="door-open" label={t("End lesson")} className={className} testid="dock-end">
        {(close) => <EndDialog close={close} />}
      </Popup>
    );
  return <DockButton icon="door-open" label={t("Leave")} className={className} onClick={actions.leave} testid="dock-leave" />;
}

export function Dock({ narrow }) {
  const { t, me, state, actions } = useRoom();
  return (
    <div className="rm-dock" role="toolbar" aria-label={t("Lesson controls")}>
      {me.canSpeak && <MicButton />}
      {me.canShow && <CameraButton />}
      {me.canShare && <ShareButton />}
      {me.canChat && <HandButton />}
      {me.canChat && (
        <Popup icon="smile" label={t("React")} testid="dock-react">
          {(close) => <ReactMenu close={close} />}
        </Popup>
      )}
      {me.poll && (
        <>
          <hr />
          <DockButton icon="chart-bar-decreasing" label={t("Poll")} pressed={state.panel === "polls" && (state.sheet || !narrow)} onClick={() => actions.compose("poll")} testid="dock-poll" />
          <DockButton icon="list-checks" label={t("Check")} onClick={() => actions.compose("check")} testid="dock-check" />
        </>
      )}
      {me.oversee && <AdmitButton />}
      {me.oversee && <DockButton icon="mic-off" label={t("Mute all")} onClick={actions.muteAll} testid="dock-mute-all" />}
      {me.moderate && <RecordButton />}
      <hr />
      {!me.toolsOff.includes("captions") && <CaptionsButton />}
      {narrow && <PanelButton />}
      <LeaveButton />
    </div>
  );
}

/** Six on phones; everything else behind More. */
export function PhoneDock({ stage, setStage, hasBoard }) {
  const { t, me } = useRoom();
  return (
    <div className="rm-dock phone" role="toolbar" aria-label={t("Lesson controls")}>
      {me.canSpeak && <MicButton />}
      {me.canShow && <CameraButton />}
      {me.canChat && <HandButton />}
      {me.oversee && <AdmitButton />}
      {!me.toolsOff.includes("captions") && <CaptionsButton />}
      <PanelButton phone />
      <Popup icon="ellipsis" label={t("More")} testid="dock-more">
        {(close) => <MoreMenu close={close} stage={stage} setStage={setStage} hasBoard={hasBoard} />}
      </Popup>
    </div>
  );
}

function MoreMenu({ close, stage, setStage, hasBoard }) {
  const { t, me, state, local, actions } = useRoom();
  const box = useDismiss(true, close);
  const act = (action) => () => {
    close();
    action();
  };
  const stages = stageWords(t);
  const panels = [
    ["chat", "message-square", t("Chat"), state.unread],
    ["people", "users", t("People"), hands(state.people).length + knocking(state.lobby).length],
    ["polls", "chart-bar-decreasing", t("Polls"), 0],
    ["captions", "captions", t("Captions"), 0],
  ].filter(([id]) => !me.toolsOff.includes(id));
  return (
    <div className="rm-pop more" ref={box} role="group" aria-label={t("More")}>
      {panels.map(([id, icon, label, count]) => (
        <MoreItem key={id} icon={icon} label={label} count={count} onClick={act(() => actions.openPanel(id))} />
      ))}
      <hr />
      {(hasBoard ? ["board", "screen", "people"] : ["screen", "people"])
        .filter((kind) => kind !== stage)
        .map((kind) => (
          <MoreItem key={kind} icon={stages[kind][0]} label={t("Stage: {what}", { what: stages[kind][1] })} onClick={act(() => setStage(kind))} />
        ))}
      {me.canShare && navigator.mediaDevices?.getDisplayMedia && (
        <MoreItem icon="monitor-up" label={local.screen.on ? t("Stop sharing your screen") : t("Share your screen")} onClick={act(actions.toggleShare)} />
      )}
      <hr />
      {me.canChat &&
        Object.entries(reactionWords(t)).map(([reaction, [icon, word]]) => <MoreItem key={reaction} icon={icon} label={word} onClick={act(() => actions.react(reaction))} />)}
      {me.poll && <MoreItem icon="list-checks" label={t("Check")} onClick={act(() => actions.compose("check"))} />}
      {me.oversee && <MoreItem icon="mic-off" label={t("Mute all")} onClick={act(actions.muteAll)} />}
      {me.moderate && (
        <MoreItem icon="circle-dot" label={state.recording.on ? t("Stop recording") : t("Start recording")} onClick={act(() => actions.record(!state.recording.on))} />
      )}
    </div>
  );
}

const MoreItem = ({ icon, label, count, onClick }) => (
  <button type="button" onClick={onClick}>
    <Icon name={icon} size={20} />
    <span>{label}</span>
    {count ? <em>{count}</em> : null}
  </button>
);

/** Leave on phones sits in the top bar, away from the thumb. */
export function PhoneLeave() {
  const { t, actions, me } = useRoom();
  if (me.oversee)
    return (
      <div className="rm-popper down">
        <Popup icon="door-open" label={t("End lesson")} className="lv" testid="dock-end">
          {(close) => <EndDialog close={close} />}
        </Popup>
      </div>
    );
  return (
    <button type="button" className="rm-lv" onClick={actions.leave} data-testid="dock-leave">
      {t("Leave")}
    </button>
  );
}
