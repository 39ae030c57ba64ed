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
import { say } from '../kit/say.js';

export const HOME = 'overview';

export const VIEWS = [
  { path: 'overview', title: say('view.overview'), nav: true, module: overview },
  { path: 'incomplete', title: say('view.incompleteEnrollments'), nav: true, module: incomplete },
  { path: 'status', title: say('view.enrollmentStatus'), nav: true, module: status },
  { path: 'esp', title: say('view.esp'), nav: true, module: esp },
  {
    path: 'diagnostics',
    title: say('view.diagnostics'),
    nav: true,
    needsServer: true,
    module: diagnostics,
  },
  {
    path: 'senders',
    title: say('view.senders'),
    nav: true,
    needsServer: true,
    module: senders,
  },
  { path: 'files', title: say('view.files'), nav: true, needsServer: true, module: files },
  { path: 'account', title: say('view.account'), needsServer: true, module: account },
  { path: 'live', title: say('view.enrollingNow'), under: 'status', needsServer: true, module: live },
  { path: 'settings', title: say('view.settings'), under: 'account', needsServer: true, module: settings },
  { path: 'messages', title: say('view.messages'), under: 'account', needsServer: true, module: messages },
  { path: 'tokens', title: say('view.tokens'), under: 'account', needsServer: true, module: tokens },
  { path: 'steps', title: say('view.firstSteps'), under: 'account', needsServer: true, module: steps },
  { path: 'person', title: say('view.person'), under: 'status', module: person },
  { path: 'attempts', title: say('view.attempts'), under: 'incomplete', module: attempts },
  { path: 'attempt', title: say('view.attempt'), under: 'incomplete', module: attempt },
  {
    path: 'profiles',
    title: say('view.espProfiles'),

    under: 'esp',
    needsServer: true,
    module: profiles,
  },
  { path: 'apps', title: say('view.apps'), under: 'esp', module: apps },
  { path: 'app', title: say('view.app'), under: 'esp', module: app },
  { path: 'sessions', title: say('view.espSessions'), under: 'esp', module: sessions },
  { path: 'session', title: say('view.espSession'), under: 'esp', module: session },
  {
    path: 'device',
    title: say('view.deviceOnEsp'),

    under: 'esp',
    needsServer: true,
    module: device,
  },
  {
    path: 'profile',
    title: say('view.espProfile'),

    under: 'esp',
    needsServer: true,
    module: profile,
  },
];
