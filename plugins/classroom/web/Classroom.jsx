// The classroom: device check, then the room. One React component; the whiteboard is its child.
import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from "react";
import "./classroom.css";
import { useAnnouncer, useMedia, useShortcuts } from "./a11y.js";
import { useBridge, useDark } from "./bridge.js";
import { DeviceCheck } from "./deviceCheck.jsx";
import { Dock, PhoneDock } from "./dock.jsx";
import { Cancelled, Denied, Elsewhere, Ended, Failed, Left, Loading, Lobby, Removed, Waiting } from "./gates.jsx";
import { Panel } from "./panel.jsx";
import { emptyDraft } from "./panels/polls.jsx";
import { readPrefs, writePrefs } from "./prefs.js";
import { fetchTicket } from "./roomSocket.js";
import { RoomSession } from "./session.js";
import { Stage, useStage } from "./stage.jsx";
import { initialRoom, knocking, reduce } from "./store.js";
import { Sounds } from "./tiles.jsx";
import { NetSentence, PhoneTop, TopBar } from "./topbar.jsx";
import { firstName, makeClock, makeT, RoomContext, useRoom } from "./words.js";

const MEASURE_MS = 400;
const REMEASURE_MS = 1500;
const NOTICE_MS = 15_000;
const NO_LOCAL = { camera: { on: false }, microphone: { on: false }, screen: { on: false } };

/** Which gate a refused ticket leads to. */
function gateOf(answer) {
  if (answer.status === 401) return { name: "denied", kind: "signin" };
  if (answer.status === 403) return { name: "denied", kind: "denied", message: answer.message };
  if (answer.status === 404) return { name: "denied", kind: "missing" };
  if (answer.code !== "session_not_open") return { name: "failed", message: answer.message };
  const status = answer.session?.status;
  if (status === "cancelled") return { name: "cancelled" };
  if (status === "ended" || (!answer.opens_at && !answer.session)) return { name: "ended" };
  return { name: "waiting", opensAt: answer.opens_at ?? answer.session?.starts_at };
}

/** Until the room says more about the waiting. */
const AT_THE_DOOR = { by_hand: true, declined: false, instructor_here: true };

const CLOSED = { over: { name: "ended" }, denied: { name: "denied", kind: "denied" }, elsewhere: { name: "elsewhere" }, removed: { name: "removed" } };

const idInAddress = () => decodeURIComponent(window.location.pathname.match(/\/room\/([^/]+)/)?.[1] ?? "");

/**
 * sessionId: the lesson, else the one of the address /room/ID. strings: {English sentence: translated}. lang: "en", "de". homeHref: where "back" leads.
 * children: what stands on the stage beside people and screens (slot "classroom.stage").
 */
export function Classroom({ sessionId: given, strings, lang = "en", homeHref = "/", children }) {
  const sessionId = given || idInAddress();
  const words = useMemo(() => strings ?? {}, [lang, Object.keys(strings ?? {}).length]);
  const t = useMemo(() => makeT(words), [words]);
  const [gate, setGate] = useState({ name: "loading" });
  const [ticket, setTicket] = useState(null);
  const [visit, setVisit] = useState(null);
  const known = useRef(null);
  const ask = useCallback(async () => {
    const answer = await fetchTicket(sessionId);
    if (answer.session || answer.me) known.current = { ...known.current, ...answer };
    if (!answer.ok) return setGate(gateOf(answer));
    setTicket({ answer, at: Date.now() });
    setGate({ name: "check" });
  }, [sessionId]);
  useEffect(() => {
    if (sessionId) ask();
  }, [sessionId, ask]);
  const again = () => {
    setVisit(null);
    setGate({ name: "loading" });
    ask();
  };
  const stop = useCallback((next) => {
    setVisit(null);
    setGate(next);
  }, []);
  const { session = null, me = {} } = known.current ?? {};
  const clock = useMemo(() => makeClock(lang, me.tz), [lang, me.tz]);
  const shared = { t, homeHref, clock };
  return (
    <div className="rm" data-testid="classroom" data-gate={visit ? "room" : gate.name} lang={lang}>
      {visit ? (
        <Room key={visit.at} {...shared} sessionId={sessionId} visit={visit} words={words} lang={lang} onStop={stop}>
          {children}
        </Room>
      ) : (
        <Around {...shared} gate={gate} session={session} me={me} ticket={ticket} ask={ask} again={again} onJoin={(devices) => setVisit({ ...ticket, devices, at: ticket.at })} />
      )}
    </div>
  );
}

/** Everything that is not the room itself. */
function Around({ gate, session, me, ticket, ask, again, onJoin, ...shared }) {
  switch (gate.name) {
    case "check":
      return <DeviceCheck {...shared} ticket={ticket.answer} onJoin={onJoin} />;
    case "waiting":
      return <Waiting {...shared} session={session} opensAt={gate.opensAt} onOpen={ask} />;
    case "ended":
      return <Ended {...shared} role={me.role} />;
    case "cancelled":
      return <Cancelled {...shared} session={session} />;
    case "denied":
      return <Denied {...shared} kind={gate.kind} message={gate.message} />;
    case "removed":
      return <Removed {...shared} />;
    case "elsewhere":
      return <Elsewhere {...shared} onAgain={again} />;
    case "left":
      return <Left {...shared} onAgain={again} />;
    case "failed":
      return <Failed {...shared} message={gate.message} onAgain={again} />;
    default:
      return <Loading {...shared} />;
  }
}

/** What a frame says aloud: only what the eye would notice elsewhere. */
function spokenNews(t, frame, state, me) {
  const name = (id) => firstName(state.people[id]?.name);
  if (frame.type === "chat" && frame.person_id !== me.person_id) return t("{name} writes: {text}", { name: firstName(frame.name), text: frame.text });
  if (frame.type === "hand" && frame.raised && frame.person_id !== me.person_id && me.moderate) return t("{name} raised a hand", { name: name(frame.person_id) });
  if (frame.type === "poll" && frame.poll.status === "open" && !state.polls[frame.poll.id]) return t("New question: {question}", { question: frame.poll.question });
  if (frame.type === "poll" && frame.poll.status === "shown" && state.polls[frame.poll.id]?.status !== "shown") return t("The results are shown.");
  if (frame.type === "lobby") {
    const known = new Set(state.lobby.waiting.map((person) => person.person_id));
    const came = knocking(frame).find((person) => !known.has(person.person_id));
    return came ? t("{name} waits to be let in", { name: came.name }) : "";
  }
  if (frame.type === "gone" && me.moderate) return t("{name} left", { name: name(frame.person_id) });
  if (frame.type === "person" && me.moderate && !state.people[frame.person.person_id]) return t("{name} joined", { name: firstName(frame.person.name) });
  return "";
}

/** A frame that is a sentence for this person. */
function noticeOf(t, frame, state) {
  if (frame.type === "error") return { text: t(frame.message ?? ""), icon: "circle-alert" };
  if (frame.type === "muted") return mutedNotice(t, frame);
  const moved = frame.type === "session" && frame.session?.ends_at && state.session?.ends_at && Date.parse(frame.session.ends_at) > Date.parse(state.session.ends_at);
  if (moved) return { text: t("The lesson was extended."), icon: "clock" };
  return null;
}

function mutedNotice(t, { source, role }) {
  const staff = role === "observer";
  if (source === "microphone") return { text: staff ? t("The coordinator muted you. Press Mic when you want to speak.") : t("The instructor muted you. Press Mic when you want to speak."), icon: "mic-off" };
  if (source === "camera") return { text: staff ? t("The coordinator turned your camera off.") : t("The instructor turned your camera off."), icon: "video-off" };
  return { text: staff ? t("The coordinator stopped your screen share.") : t("The instructor stopped your screen share."), icon: "monitor-up" };
}

/** The socket, the media and this device's tracks for one visit; ends with the component. */
function useVisit({ sessionId, visit, onStop, t, say }) {
  const { answer } = visit;
  const [state, dispatch] = useReducer(reduce, initialRoom, (start) => ({ ...start, session: answer.session, waiting: answer.waiting ? AT_THE_DOOR : null }));
  const [local, setLocal] = useState(NO_LOCAL);
  const [tracks, setTracks] = useState({});
  const [board, setBoard] = useState(answer.board);
  const me = useMemo(() => describeMe(answer), [answer]);
  const latest = useRef(state);
  latest.current = state;
  const lastError = useRef("");
  const frameCame = (frame) => {
    say(spokenNews(t, frame, latest.current, me));
    const notice = noticeOf(t, frame, latest.current);
    if (notice) dispatch({ type: "notice", notice });
    if (frame.type === "error" && frame.of === "hello") lastError.current = frame.message;
    if (frame.type === "ended") return onStop({ name: "ended" });
    dispatch({ type: "frame", frame, mine: me.person_id });
  };
  const connectionChanged = (connection, detail) => {
    if (connection === "refused") return onStop(gateOf(detail));
    if (connection === "denied" && lastError.current) return onStop({ name: "denied", kind: "refused", message: lastError.current });
    if (CLOSED[connection]) return onStop(CLOSED[connection]);
    if (connection === "lost") room.current?.media?.suspend();
    dispatch({ type: "connection", connection });
  };
  const room = useRef(null);
  const handlers = useRef({});
  handlers.current = { frameCame, connectionChanged };
  useEffect(() => {
    const made = new RoomSession(sessionId, {
      frame: (frame) => handlers.current.frameCame(frame),
      connection: (name, detail) => handlers.current.connectionChanged(name, detail),
      ticket: (fresh) => setBoard((old) => (old?.ticket ? old : fresh.board)),
      local: setLocal,
      tracks: setTracks,
    });
    room.current = made;
    made.join(answer, visit.at, visit.devices);
    return () => made.close();
  }, [sessionId, answer, visit]);
  return { state, dispatch, local, tracks, board, me, room };
}

function describeMe({ me, rights = {}, tools_off: toolsOff = [] }) {
  const publish = rights.publish ?? [];
  return {
    ...me,
    canSpeak: publish.includes("microphone"),
    canShow: publish.includes("camera"),
    canShare: publish.includes("screen") && Boolean(navigator.mediaDevices?.getDisplayMedia),
    canChat: Boolean(rights.chat),
    canDraw: Boolean(rights.draw),
    poll: Boolean(rights.poll),
    moderate: Boolean(rights.moderate),
    oversee: Boolean(rights.oversee),
    toolsOff,
  };
}

/** Everything a button can do. Stable over redraws. */
function useActions({ room, dispatch, me, state, onStop, setDraft, setCaptions }) {
  const latest = useRef(null);
  latest.current = { state };
  return useMemo(() => {
    const send = (frame) => room.current?.send(frame) ?? false;
    const stop = (name) => onStop({ name });
    return {
      toggleMicrophone: () => room.current?.toggleMicrophone(),
      toggleCamera: () => room.current?.toggleCamera(),
      toggleShare: () => room.current?.toggleScreen(),
      toggleHand: () => send({ type: "hand", raised: !latest.current.state.people[me.person_id]?.hand_at }),
      lower: (personId) => send({ type: "hand", raised: false, person_id: personId }),
      react: (reaction) => send({ type: "react", reaction }),
      chat: (text, to) => send({ type: "chat", text, to }),
      openPoll: (poll) => send({ type: "poll.open", ...poll }),
      answerPoll: (pollId, option) => send({ type: "poll.answer", poll_id: pollId, option }),
      closePoll: (pollId) => send({ type: "poll.close", poll_id: pollId }),
      showPoll: (pollId) => send({ type: "poll.show", poll_id: pollId }),
      mute: (personId, source = "microphone") => send({ type: "mute", person_id: personId, source }),
      muteAll: () => send({ type: "mute", person_id: "all", source: "microphone" }),
      remove: (personId) => send({ type: "remove", person_id: personId }),
      allow: (personId) => send({ type: "allow", person_id: personId }),
      admit: (personId) => send({ type: "admit", person_id: personId }),
      admitAll: () => send({ type: "admit", person_id: "all" }),
      decline: (personId) => send({ type: "decline", person_id: personId }),
      lobbyMode: (mode) => send({ type: "lobby", mode }),
      setPage: (page) => send({ type: "page", page }),
      record: (on) => send({ type: "record", on }),
      extend: (minutes) => send({ type: "extend", minutes }),
      end: () => send({ type: "end" }),
      leave: () => {
        room.current?.leave();
        stop("left");
      },
      openPanel: (panel) => dispatch({ type: "panel", panel }),
      closeSheet: () => dispatch({ type: "sheet", open: false }),
      compose: (kind) => {
        setDraft((old) => (old?.kind === kind ? old : { ...emptyDraft(kind), ...(old?.question ? { question: old.question, options: old.options } : {}) }));
        dispatch({ type: "panel", panel: "polls" });
      },
      toggleCaptions: () =>
        setCaptions((old) => {
          writePrefs({ captions: !old.on });
          return { ...old, on: !old.on };
        }),
      captionSize: (size) => {
        writePrefs({ captionSize: size });
        setCaptions((old) => ({ ...old, size }));
      },
    };
  }, [room, dispatch, me, onStop, setDraft, setCaptions]);
}

/** Tell the media node which pictures are on the screen, and how large. */
function useVisible(root, room, tracks, signature) {
  useEffect(() => {
    const measure = () => {
      const shown = [...(root.current?.querySelectorAll("video[data-track]") ?? [])].flatMap((node) => {
        const { width, height } = node.getBoundingClientRect();
        const [participant_id, source] = node.dataset.track.split("/");
        return width > 0 && !document.hidden ? [{ participant_id, source, width: Math.round(width), height: Math.round(height) }] : [];
      });
      room.current?.setVisible(shown);
    };
    const timer = setTimeout(measure, MEASURE_MS);
    const steady = setInterval(measure, REMEASURE_MS); // a sheet, a new tile order, a camera that came back
    window.addEventListener("resize", measure);
    document.addEventListener("visibilitychange", measure);
    return () => {
      clearTimeout(timer);
      clearInterval(steady);
      window.removeEventListener("resize", measure);
      document.removeEventListener("visibilitychange", measure);
    };
  }, [root, room, tracks, signature]);
}

/** Autoplay: once the person pressed anything, sound may start. */
function useUnlock() {
  const [blocked, setBlocked] = useState(false);
  const [unlock, setUnlock] = useState(0);
  const release = useCallback(() => {
    setBlocked(false);
    setUnlock((count) => count + 1);
  }, []);
  useEffect(() => {
    if (!blocked) return undefined;
    document.addEventListener("pointerdown", release, { once: true });
    document.addEventListener("keydown", release, { once: true });
    return () => {
      document.removeEventListener("pointerdown", release);
      document.removeEventListener("keydown", release);
    };
  }, [blocked, release]);
  return { blocked, setBlocked, unlock, release };
}

function Room({ sessionId, visit, words, lang, onStop, t, clock, children }) {
  const root = useRef(null);
  const [news, say] = useAnnouncer();
  const [draft, setDraft] = useState(null);
  const [captions, setCaptions] = useState(() => ({ on: readPrefs().captions, size: readPrefs().captionSize, ...visit.answer.captions }));
  const { state, dispatch, local, tracks, board, me, room } = useVisit({ sessionId, visit, onStop, t, say });
  const actions = useActions({ room, dispatch, me, state, onStop, setDraft, setCaptions });
  const wide = useMedia("(min-width: 1101px)");
  const phone = useMedia("(max-width: 640px)");
  const sound = useUnlock();
  const dark = useDark();
  const getTicket = useCallback(() => room.current?.boardTicket() ?? "", [room]);
  useBridge({ session_id: board?.ticket ? sessionId : "", board, role: me.role, canDraw: me.canDraw, page: state.page, onPage: actions.setPage, strings: words, dark, lang, getTicket });
  useEffect(() => {
    const timer = state.notice && setTimeout(() => dispatch({ type: "notice", notice: null }), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [dispatch, state.notice]);
  useEffect(() => {
    if (local.microphone.on) dispatch({ type: "notice", notice: null });
  }, [dispatch, local.microphone.on]);
  useEffect(() => dispatch({ type: "panelVisible", visible: wide || state.sheet }), [dispatch, wide, state.sheet]);
  useShortcuts(
    {
      m: () => me.canSpeak && actions.toggleMicrophone(),
      v: () => me.canShow && actions.toggleCamera(),
      h: () => (me.oversee || me.canChat) && (me.oversee ? actions.openPanel("people") : actions.toggleHand()),
      c: actions.toggleCaptions,
    },
    true,
  );
  const instructorName = firstName(state.session?.instructor) || t("the instructor");
  const value = { t, clock, state, dispatch, actions, local, tracks, me, captions, instructorName };
  return (
    <RoomContext value={value}>
      {state.waiting ? (
        <Lobby {...{ t, clock, state, local }} onLeave={actions.leave} />
      ) : (
        <Layout {...{ wide, phone, sound, draft, setDraft, root, room }}>{children}</Layout>
      )}
      <Sounds onBlocked={sound.setBlocked} unlock={sound.unlock} speakerId={readPrefs().speakerId} />
      <p className="rm-sr" role="log" aria-live="polite" data-testid="news">
        {news}
      </p>
    </RoomContext>
  );
}

/** Changes when somebody's picture comes or goes. */
const seen = (people) =>
  Object.values(people)
    .map((person) => `${person.participant_id}${person.program}${person.camera}${person.screen}${person.connection}`)
    .join();

function Layout({ wide, phone, sound, draft, setDraft, root, room, children }) {
  const { state, tracks, captions, actions, me } = useRoom();
  const hasBoard = Boolean(children) && !me.toolsOff.includes("whiteboard");
  const { stage, setStage, shared } = useStage(hasBoard);
  useVisible(root, room, tracks, `${stage} ${state.sheet} ${seen(state.people)} ${state.speakers[0] ?? ""}`);
  const layout = wide ? "column" : phone ? "bottom" : "side";
  const inner = (
    <Stage {...{ stage, setStage, shared }} strip={phone || (!wide && state.sheet)} captions={captions.on} captionSize={captions.size} onPeople={() => actions.openPanel("people")}>
      {hasBoard ? children : null}
    </Stage>
  );
  return (
    <main className={`rm-room ${layout} ${state.sheet ? "open" : ""}`} ref={root}>
      {phone ? <PhoneTop /> : <TopBar />}
      <div className={`rm-stage ${stage}`}>
        {inner}
        <NetSentence blocked={sound.blocked} onUnlock={sound.release} />
        {!phone && <Dock narrow={!wide} />}
      </div>
      <Panel layout={layout} draft={draft} setDraft={setDraft} />
      {phone && <PhoneDock stage={stage} setStage={setStage} hasBoard={hasBoard} />}
    </main>
  );
}
