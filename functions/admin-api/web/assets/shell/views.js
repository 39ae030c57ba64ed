/*
 * The views, in the order of the navigation.
 *
 * What must stay true: a `module`, the default export of one, has `show(context)`, and `keeps` where its element stays
 * while only the parameters of its address change. `under` is the view in the navigation to which a view outside it
 * belongs. A view that `needsServer` can't show an opened file.
 */

import account from '../views/account.js';
import app from '../views/app.js';
import apps from '../views/apps.js';
import attempt from '../views/attempt.js';
import attempts from '../views/attempts.js';
import device from '../views/device.js';
import diagnostics from '../views/diagnostics.js';
import esp from '../views/esp.js';
import files from '../views/files.js';
import incomplete from '../views/incomplete.js';
import live from '../views/live.js';
import messages from '../views/messages.js';
import overview from '../views/overview.js';
import person from '../views/person.js';
import profile from '../views/profile.js';
import profiles from '../views/profiles.js';
import senders from '../views/senders.js';
import session from '../views/session.js';
import sessions from '../views/sessions.js';
import settings from '../views/settings.js';
import status from '../views/status.js';
import steps from '../views/steps.js';
import tokens from '../views/tokens.js';

export const HOME = 'overview';

export const VIEWS = [
  { path: 'overview', title: 'Overview', nav: true, module: overview },
  { path: 'incomplete', title: 'Incomplete enrollments', nav: true, module: incomplete },
  { path: 'status', title: 'Enrollment status', nav: true, module: status },
  { path: 'esp', title: 'ESP', nav: true, module: esp },
  {
    path: 'diagnostics',
    title: 'Diagnostics',
    nav: true,
    needsServer: true,
    module: diagnostics,
  },
  {
    path: 'senders',
    title: 'Senders',
    nav: true,
    needsServer: true,
    module: senders,
  },
  { path: 'files', title: 'Files', nav: true, needsServer: true, module: files },
  { path: 'account', title: 'Account', needsServer: true, module: account },
  { path: 'live', title: 'Enrolling now', under: 'status', needsServer: true, module: live },
  { path: 'settings', title: 'Settings', under: 'account', needsServer: true, module: settings },
  { path: 'messages', title: 'Messages', under: 'account', needsServer: true, module: messages },
  { path: 'tokens', title: 'Tokens', under: 'account', needsServer: true, module: tokens },
  { path: 'steps', title: 'First steps', under: 'account', needsServer: true, module: steps },
  { path: 'person', title: 'A person', under: 'status', module: person },
  { path: 'attempts', title: 'Attempts', under: 'incomplete', module: attempts },
  { path: 'attempt', title: 'Attempt', under: 'incomplete', module: attempt },
  {
    path: 'profiles',
    title: 'ESP profiles',

    under: 'esp',
    needsServer: true,
    module: profiles,
  },
  { path: 'apps', title: 'Apps', under: 'esp', module: apps },
  { path: 'app', title: 'App', under: 'esp', module: app },
  { path: 'sessions', title: 'ESP sessions', under: 'esp', module: sessions },
  { path: 'session', title: 'ESP session', under: 'esp', module: session },
  {
    path: 'device',
    title: 'Device on the ESP',

    under: 'esp',
    needsServer: true,
    module: device,
  },
  {
    path: 'profile',
    title: 'ESP profile',

    under: 'esp',
    needsServer: true,
    module: profile,
  },
];
