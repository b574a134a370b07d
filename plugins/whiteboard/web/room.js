// What the board needs to know about the room it stands in: from props, else from the classroom's bridge
// `window.hilinkRoom` (announced with the event "hilink:room" on window whenever it changes).
import { useEffect, useState } from "react";

const EVENT = "hilink:room";
const first = (...values) => values.find((value) => value !== undefined && value !== null && value !== "");
const bridge = () => (typeof window === "undefined" ? undefined : window.hilinkRoom);

/** Props over the bridge over defaults; `sessionId` is empty until somebody says which lesson this is. */
export function useRoom(props) {
  const [room, setRoom] = useState(bridge);
  useEffect(() => {
    const read = () => setRoom(bridge() && { ...bridge() });
    read();
    window.addEventListener(EVENT, read);
    return () => window.removeEventListener(EVENT, read);
  }, []);
  const sessionId = first(props.sessionId, room?.session_id, room?.session?.id, "");
  const canDraw = first(room?.can_draw, room?.rights?.draw);
  return {
    sessionId,
    ticket: first(props.ticket, room?.board_ticket, room?.board?.ticket, ""),
    wsPath: first(props.wsPath, room?.board?.path, `/ws/board/${encodeURIComponent(sessionId)}`),
    role: first(props.role, room?.role, room?.me?.role, "student"),
    readOnly: first(props.readOnly, canDraw === undefined ? undefined : !canDraw, false),
    page: Number(first(props.page, room?.page, 1)),
    lang: first(props.lang, room?.lang, room?.me?.lang, "en"),
    dark: first(props.dark, room?.dark, false),
    strings: first(props.strings, room?.strings, {}),
    onPage: first(props.onPage, room?.onPage),
    onActivity: first(props.onActivity, room?.onActivity),
    fetchTicket: first(props.fetchTicket, room?.fetchTicket, () => askForTicket(sessionId)),
  };
}

async function askForTicket(sessionId) {
  const answer = await fetch(`/api/v1/rooms/${encodeURIComponent(sessionId)}/ticket`, { method: "POST" });
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 429) throw { final: true };
  if (!answer.ok) throw new Error("no ticket");
  const given = await answer.json();
  return first(given.board_ticket, given.board?.ticket);
}

/** t(sentence, places): the page's words for an English sentence. */
export const translator = (strings) => (sentence, places) =>
  (strings?.[sentence] || sentence).replace(/\{(\w+)\}/g, (all, name) => places?.[name] ?? all);
