// People as tiles: picture or initials, who speaks, who is muted, whose hand is up.
import { useEffect, useRef, useState } from "react";
import { useSize, useTick } from "./a11y.js";
import { Icon } from "./icons.jsx";
import { trackKey } from "./session.js";
import { seated } from "./store.js";
import { firstName, initials, useRoom } from "./words.js";

const REACTION_MS = 6000;
const LARGE_RATIO = 196 / 236;
const SMALL_RATIO = 112 / 113;
const GAP = 12;

const REACTIONS = (t) => ({
  yes: ["thumbs-up", t("Yes")],
  no: ["x", t("No")],
  slower: ["rewind", t("Slower, please")],
  faster: ["fast-forward", t("Faster, please")],
  clap: ["star", t("Well done")],
});

/** The words and icons of the five reactions, in the order of the menu. */
export const reactionWords = REACTIONS;

/**
 * A video element for one track; `data-track` lets the room measure how large it is shown.
 * covered: the node paused it. It keeps its place unseen: a picture nobody wants would never be sent again.
 */
export function Picture({ track, name, participantId, source, mirror = false, covered = false }) {
  const { t } = useRoom();
  const video = useRef(null);
  useEffect(() => {
    const node = video.current;
    if (!node) return undefined;
    node.srcObject = track ? new MediaStream([track]) : null;
    node.play?.().catch(() => undefined);
    return () => {
      node.srcObject = null;
    };
  }, [track]);
  return (
    <video
      ref={video}
      autoPlay
      playsInline
      muted
      className={[mirror && "mirror", source === "screen" && "whole", covered && "covered"].filter(Boolean).join(" ")}
      data-track={participantId ? trackKey(participantId, source) : undefined}
      data-testid={`video-${participantId || "self"}-${source}`}
      aria-label={source === "screen" ? t("Screen of {name}", { name }) : t("Video of {name}", { name })}
    />
  );
}

/** What a screen reader says about a tile. */
function spoken(t, person, { self, speaking, away }) {
  return [
    self ? t("You") : person.name,
    away && t("connection lost, coming back"),
    person.hand_at && t("hand raised"),
    speaking && t("speaking"),
    !person.microphone && t("microphone off"),
    !person.camera && t("camera off"),
  ]
    .filter(Boolean)
    .join(", ");
}

function tagIcon(person, { speaking, away, paused }) {
  if (away) return "wifi-off";
  if (person.hand_at) return "hand";
  if (speaking) return "audio-lines";
  if (!person.microphone) return "mic-off";
  return paused ? "video-off" : "";
}

export function Tile({ person, small = false }) {
  const { t, state, local, tracks, me } = useRoom();
  const self = person.person_id === me.person_id;
  const away = person.connection === "lost" && !self;
  const speaking = state.speakers.includes(person.person_id) && !away;
  const paused = !self && person.camera && state.quality.video_off;
  const sender = tracks[trackKey(person.program, "camera")] ? person.program : person.participant_id;
  const track = self ? local.camera.track : tracks[trackKey(sender, "camera")];
  const shown = self ? local.camera.on : person.camera && !away && !paused;
  const seen = self ? { ...person, camera: local.camera.on, microphone: local.microphone.on } : person;
  const name = self ? t("You") : small ? firstName(person.name) : person.name;
  const note = away ? t("coming back") : paused ? t("video off for a moment") : "";
  const icon = tagIcon(seen, { speaking, away, paused });
  return (
    <div className={`rm-tile ${small ? "s" : ""} ${speaking ? "speak" : ""} ${shown && track ? "" : "off"}`} role="group" aria-label={spoken(t, seen, { self, speaking, away })} data-person={person.person_id}>
      {(shown || paused) && track && <Picture track={track} name={person.name} participantId={self ? "" : sender} source="camera" mirror={self} covered={paused} />}
      {!(shown && track) && (
        <span className={`rm-av ${small ? "m" : "l"}`} aria-hidden="true">
          {initials(person.name)}
        </span>
      )}
      <Reaction personId={person.person_id} />
      <div className="rm-nm" aria-hidden="true">
        {icon && <Icon name={icon} size={13} />}
        <span>{!small && note ? `${name} · ${note}` : name}</span>
      </div>
    </div>
  );
}

function Reaction({ personId }) {
  const { t, state } = useRoom();
  const now = useTick(1000);
  const last = state.reactions[personId];
  if (!last || now - last.at > REACTION_MS || !REACTIONS(t)[last.reaction]) return null;
  const [icon, word] = REACTIONS(t)[last.reaction];
  return (
    <span className="rm-reaction">
      <Icon name={icon} size={13} /> {word}
    </span>
  );
}

/** Who matters most first: the one who spoke last, the instructor, you, raised hands, the rest. */
export function useOrder() {
  const { state, me } = useRoom();
  const [spoke, setSpoke] = useState("");
  const loudest = state.speakers.find((id) => id !== me.person_id && state.people[id]);
  useEffect(() => {
    if (loudest) setSpoke(loudest);
  }, [loudest]);
  const rank = (person) => {
    if (person.person_id === me.person_id) return 1;
    if (person.person_id === spoke) return 0;
    if (person.role === "instructor") return spoke ? 2 : 0;
    return person.hand_at ? 3 : person.camera ? 4 : 5;
  };
  return seated(state.people).sort((a, b) => rank(a) - rank(b));
}

/** How many small tiles fit under `large` large ones in a column of this size. */
function fits({ width, height }, large) {
  const used = large * (width * LARGE_RATIO + GAP);
  const row = ((width - 10) / 2) * SMALL_RATIO + 10;
  return Math.max(0, Math.floor((height - used + 10) / row)) * 2;
}

function More({ count, onClick }) {
  const { t } = useRoom();
  return (
    <button type="button" className="rm-tile s rm-more" onClick={onClick} aria-label={t("{n} more people", { n: count })}>
      +{count}
    </button>
  );
}

/** The column beside the stage: two large tiles, the rest small, as many as fit. */
export function TileColumn({ onMore }) {
  const { t } = useRoom();
  const order = useOrder();
  const [ref, size] = useSize();
  const large = order.length > 2 && fits(size, 2) === 0 ? 1 : 2;
  const room = size.width ? fits(size, large) : 4;
  const rest = order.slice(large);
  const shown = rest.length > room ? rest.slice(0, Math.max(0, room - 1)) : rest;
  return (
    <div className="rm-tiles" ref={ref} role="group" aria-label={t("People in the room")}>
      {order.slice(0, large).map((person) => (
        <Tile key={person.person_id} person={person} />
      ))}
      {rest.length > 0 && (
        <div className="rm-mini">
          {shown.map((person) => (
            <Tile key={person.person_id} person={person} small />
          ))}
          {shown.length < rest.length && <More count={rest.length - shown.length} onClick={onMore} />}
        </div>
      )}
    </div>
  );
}

/** One row on phones. */
export function TileStrip({ onMore }) {
  const { t } = useRoom();
  const order = useOrder();
  const shown = order.slice(0, order.length > 4 ? 3 : 4);
  return (
    <div className={`rm-strip ${order.length > 4 ? "more" : ""}`} role="group" aria-label={t("People in the room")}>
      {shown.map((person) => (
        <Tile key={person.person_id} person={person} small />
      ))}
      {shown.length < order.length && <More count={order.length - shown.length} onClick={onMore} />}
    </div>
  );
}

/** Everybody on the stage, as large as fits. */
export function TileGrid() {
  const { t } = useRoom();
  const order = useOrder();
  const columns = Math.ceil(Math.sqrt(order.length || 1));
  return (
    <div className="rm-grid" style={{ "--columns": columns }} role="group" aria-label={t("People in the room")}>
      {order.map((person) => (
        <Tile key={person.person_id} person={person} small={order.length > 12} />
      ))}
    </div>
  );
}

/** Sound of everybody else. Never muted; a browser that wants a click first is told through onBlocked. */
export function Sounds({ onBlocked, unlock, speakerId }) {
  const { tracks, state, me } = useRoom();
  // Nobody hears themselves, also not what another program sends for them.
  const own = state.people[me.person_id]?.program;
  return (
    <div hidden>
      {Object.entries(tracks)
        .filter(([key, track]) => track.kind === "audio" && !(own && key.startsWith(`${own}/`)))
        .map(([key, track]) => (
          <Sound key={key} name={key} track={track} onBlocked={onBlocked} unlock={unlock} speakerId={speakerId} />
        ))}
    </div>
  );
}

function Sound({ name, track, onBlocked, unlock, speakerId }) {
  const audio = useRef(null);
  const blocked = useRef(onBlocked);
  blocked.current = onBlocked;
  useEffect(() => {
    const node = audio.current;
    node.srcObject = new MediaStream([track]);
    return () => {
      node.srcObject = null;
    };
  }, [track]);
  useEffect(() => {
    if (speakerId) audio.current.setSinkId?.(speakerId).catch(() => undefined);
  }, [speakerId]);
  useEffect(() => {
    audio.current.play().catch((error) => error?.name === "NotAllowedError" && blocked.current(true));
  }, [track, unlock]);
  return <audio ref={audio} autoPlay data-testid={`sound-${name}`} />;
}
