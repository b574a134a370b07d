// Everything the room knows, changed only by frames of the server and a few choices of the person.

const CHAT_KEPT = 500;
const CAPTIONS_KEPT = 400;

export const initialRoom = {
  connection: "connecting",
  lostAt: 0,
  backAt: 0,
  participantId: "",
  people: {},
  polls: {},
  pollOrder: [],
  chat: [],
  unread: 0,
  captions: {},
  captionLog: [],
  speakers: [],
  reactions: {},
  page: 1,
  session: null,
  startedAt: null,
  clockOffset: 0,
  quality: { connection: "good", sentence: "", video_off: false, person_id: "", since: 0 },
  notice: null,
  waiting: null,
  lobby: { mode: "off", waiting: [], removed: [] },
  recording: { on: false, you: false, not_recorded: [] },
  panel: "chat",
  sheet: false,
  panelVisible: false,
  sheetByPerson: false,
};

const byKey = (rows, key) => Object.fromEntries(rows.map((row) => [row[key], row]));

/** When a poll was opened, by this device's clock. */
const openedAt = (poll, before, clockOffset) => {
  const at = Date.parse(poll.opened_at ?? "") - clockOffset;
  return before?.openedAt ?? (Number.isNaN(at) ? Date.now() : at);
};

const offset = (serverTime) => {
  const at = Date.parse(serverTime ?? "");
  return Number.isNaN(at) ? 0 : at - Date.now();
};

/** since: when this sentence began, by this device's clock. */
const quality = (frame) => ({
  connection: frame.connection,
  sentence: frame.sentence ?? "",
  video_off: Boolean(frame.video_off),
  person_id: frame.person_id ?? "",
  since: Date.now(),
});

function welcome(state, frame) {
  const polls = frame.polls ?? [];
  const back = state.participantId !== "";
  return {
    ...state,
    connection: "open",
    backAt: back ? Date.now() : 0,
    participantId: frame.participant_id,
    people: byKey(frame.people ?? [], "person_id"),
    polls: byKey(polls.map((row) => ({ ...row, openedAt: openedAt(row, state.polls[row.id], offset(frame.server_time)) })), "id"),
    pollOrder: polls.map((poll) => poll.id),
    chat: frame.chat ?? [],
    page: frame.page ?? state.page,
    recording: frame.recording ?? initialRoom.recording,
    session: { ...state.session, ...frame.session },
    startedAt: frame.started_at ?? state.startedAt,
    clockOffset: offset(frame.server_time),
    quality: initialRoom.quality,
    waiting: null,
    lobby: frame.lobby ?? initialRoom.lobby,
    ...(polls.some((row) => row.status === "open") && !back ? { panel: "polls", sheet: true } : {}),
  };
}

function caption(state, frame) {
  const line = { ...frame, at: Date.now(), key: `${frame.person_id}:${frame.started_ms}` };
  const log = frame.final ? [...state.captionLog, line].slice(-CAPTIONS_KEPT) : state.captionLog;
  return { ...state, captions: { ...state.captions, [frame.person_id]: line }, captionLog: log };
}

function poll(state, frame) {
  const { poll: changed } = frame;
  const before = state.polls[changed.id];
  const seen = openedAt(changed, before, state.clockOffset);
  const order = before ? state.pollOrder : [...state.pollOrder, changed.id];
  const next = { ...state, polls: { ...state.polls, [changed.id]: { ...changed, openedAt: seen } }, pollOrder: order };
  const news = !before || (changed.status === "shown" && before.status !== "shown");
  return news ? { ...next, panel: "polls", sheet: true, sheetByPerson: false } : next;
}

function chat(state, frame, mine) {
  if (state.chat.some((row) => row.id === frame.id)) return state;
  const hidden = frame.person_id !== mine && !(state.panel === "chat" && state.panelVisible);
  return { ...state, chat: [...state.chat, frame].slice(-CHAT_KEPT), unread: state.unread + (hidden ? 1 : 0) };
}

const changePerson = (state, id, changes) =>
  state.people[id] ? { ...state, people: { ...state.people, [id]: { ...state.people[id], ...changes } } } : state;

function gone(state, id) {
  const { [id]: _, ...people } = state.people;
  return { ...state, people, speakers: state.speakers.filter((speaker) => speaker !== id) };
}

/** One frame of the server. Unknown types change nothing. */
export function receive(state, frame, mine) {
  switch (frame.type) {
    case "welcome":
      return welcome(state, frame);
    case "waiting":
      return { ...state, connection: "open", waiting: frame, session: { ...state.session, ...frame.session }, clockOffset: offset(frame.server_time) };
    case "lobby":
      return { ...state, lobby: frame };
    case "person":
      return { ...state, people: { ...state.people, [frame.person.person_id]: { ...state.people[frame.person.person_id], ...frame.person } } };
    case "gone":
      return gone(state, frame.person_id);
    case "chat":
      return chat(state, frame, mine);
    case "hand":
      return changePerson(state, frame.person_id, { hand_at: frame.raised ? frame.at ?? new Date().toISOString() : null });
    case "react":
      return { ...state, reactions: { ...state.reactions, [frame.person_id]: { reaction: frame.reaction, at: Date.now() } } };
    case "poll":
      return poll(state, frame);
    case "page":
      return { ...state, page: frame.page };
    case "caption":
      return caption(state, frame);
    case "speakers":
      return { ...state, speakers: frame.person_ids ?? [] };
    case "quality":
      return { ...state, quality: quality(frame) };
    case "recording":
      return { ...state, recording: { on: Boolean(frame.on), you: Boolean(frame.you), not_recorded: frame.not_recorded ?? [] } };
    case "session":
      return { ...state, session: { ...state.session, ...frame.session } };
    case "pong":
      return { ...state, clockOffset: frame.server_time ? offset(frame.server_time) : state.clockOffset };
    default:
      return state;
  }
}

export function reduce(state, action) {
  switch (action.type) {
    case "frame":
      return receive(state, action.frame, action.mine);
    case "connection":
      if (action.connection === state.connection) return state;
      return { ...state, connection: action.connection, lostAt: action.connection === "lost" ? Date.now() : state.lostAt };
    case "session":
      return { ...state, session: { ...state.session, ...action.session } };
    case "panel":
      return { ...state, panel: action.panel, sheet: true, sheetByPerson: true, unread: action.panel === "chat" ? 0 : state.unread };
    case "sheet":
      return { ...state, sheet: action.open, unread: action.open && state.panel === "chat" ? 0 : state.unread };
    case "panelVisible":
      return { ...state, panelVisible: action.visible, unread: action.visible && state.panel === "chat" ? 0 : state.unread };
    case "notice":
      return { ...state, notice: action.notice };
    case "reset":
      return { ...initialRoom, panel: state.panel };
    default:
      return state;
  }
}

/** People who sit in the lesson: no agents, no lookers-on. Instructor first, then by name. */
export function seated(people) {
  return Object.values(people)
    .filter((person) => person.role === "instructor" || person.role === "student")
    .sort((a, b) => (a.role === b.role ? (a.name || "").localeCompare(b.name || "") : a.role === "instructor" ? -1 : 1));
}

/** Raised hands, first raised first. */
export const hands = (people) =>
  Object.values(people)
    .filter((person) => person.hand_at)
    .sort((a, b) => Date.parse(a.hand_at) - Date.parse(b.hand_at));

/** Who waits at the door and has not been answered yet. */
export const knocking = (lobby) => lobby.waiting.filter((person) => !person.declined);

/** The poll that is on: open, else the newest. */
export function currentPoll(state) {
  const polls = state.pollOrder.map((id) => state.polls[id]).filter(Boolean);
  return polls.findLast((row) => row.status === "open") ?? polls[polls.length - 1] ?? null;
}
