/** Lists the schemas that become components of the OpenAPI document. */

import { type Static, type TSchema, Type } from '@sinclair/typebox'
import {
  AuditEvent,
  AuditEventList,
  Invitation,
  IssuedReset,
  ManagedUser,
  ManagedUserList,
  NewInvitation,
  UserChange
} from './http/admin.ts'
import { BlockList } from './http/blocks.ts'
import { EmailBody, EmailChallenge, EmailVerification } from './http/emails.ts'
import { AuthFeatures } from './http/features.ts'
import { InboxPage } from './http/inbox.ts'
import {
  InvitationPreview,
  JoinedRoom,
  NewRoomInvitation,
  RoomInvitation,
  RoomInvitationList
} from './http/invitations.ts'
import { DirectRoom, Member, MemberChange, MemberList, UserList } from './http/members.ts'
import {
  Entry,
  EntryList,
  Message,
  MessageDeletion,
  MessageEdit,
  NewMessage,
  PinList,
  RawLog,
  SingleMessage
} from './http/messages.ts'
import { ForgottenPassword, PasswordChange, PasswordReset } from './http/passwords.ts'
import { Problem } from './http/problems.ts'
import { ReactionList } from './http/reactions.ts'
import { ReadChange, ReadState } from './http/reads.ts'
import { CreatedReport, NewReport, Report, ReportList, Resolution } from './http/reports.ts'
import { Ban, Mute, Restriction, RestrictionList } from './http/restrictions.ts'
import { NewRoom, Presence, Room, RoomChange, RoomList } from './http/rooms.ts'
import { Entrance, Health, Liveness } from './http/service.ts'
import { Proof, Proven, RefreshTokenBody, SessionList } from './http/sessions.ts'
import {
  AddedPasskey,
  CodeLogin,
  Factors,
  NewPasskey,
  PasskeyLogin,
  PasskeyLoginStart,
  PasskeyProof,
  PasskeyRequest,
  RecoveryCodes,
  TotpCode,
  TotpSecret
} from './http/two-factor.ts'
import { AccessToken, AccountDeletion, Login, ProfileChange, Registration, User } from './http/users.ts'

/** Lists the schemas to which HTTP routes refer by `$id`. */
export const components = [
  Registration,
  Login,
  User,
  AccessToken,
  AuthFeatures,
  RefreshTokenBody,
  SessionList,
  Proof,
  Proven,
  PasswordChange,
  ForgottenPassword,
  PasswordReset,
  EmailBody,
  EmailVerification,
  EmailChallenge,
  ProfileChange,
  AccountDeletion,
  Message,
  Entry,
  EntryList,
  NewMessage,
  MessageEdit,
  MessageDeletion,
  SingleMessage,
  RawLog,
  ReactionList,
  PinList,
  Room,
  RoomList,
  NewRoom,
  RoomChange,
  DirectRoom,
  Member,
  MemberList,
  Mute,
  Ban,
  Restriction,
  RestrictionList,
  NewRoomInvitation,
  RoomInvitation,
  RoomInvitationList,
  InvitationPreview,
  JoinedRoom,
  BlockList,
  NewReport,
  CreatedReport,
  Report,
  ReportList,
  Resolution,
  MemberChange,
  UserList,
  Presence,
  ReadChange,
  ReadState,
  InboxPage,
  ManagedUser,
  ManagedUserList,
  UserChange,
  IssuedReset,
  NewInvitation,
  Invitation,
  AuditEvent,
  AuditEventList,
  Problem,
  Entrance,
  Health,
  Liveness,
  Factors,
  TotpSecret,
  TotpCode,
  RecoveryCodes,
  CodeLogin,
  PasskeyRequest,
  NewPasskey,
  AddedPasskey,
  PasskeyLoginStart,
  PasskeyLogin,
  PasskeyProof
]

/** Returns a schema that refers to a component. The returned schema has the static type of the component. */
export const refTo = <T extends TSchema>(schema: T) => Type.Unsafe<Static<T>>(Type.Ref(schema.$id ?? ''))
