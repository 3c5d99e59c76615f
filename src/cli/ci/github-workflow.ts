import { stringify } from 'yaml'

/** What a workflow is written for. */
export interface WorkflowAnswers {
  /** The project's folder from the root of the repository; empty where it is the root. */
  readonly inside: string
  /** How Gyre is started on the machines of the workflow. */
  readonly gyre: string
  /** The endpoint that production asks, and that which is tried first. */
  readonly endpoint: string
  readonly staging: string
}

/** A change below one of these is worth a training. */
const WATCHED = [
  'src/**',
  'data/**',
  'configs/**',
  'steps/**',
  'transforms/**',
  'gyre.config.ts',
  'package.json',
  'package-lock.json',
]

/** A project that has committed no lockfile yet, its own or its workspace's, is installed as its package.json says. */
const INSTALL = 'if [ -f "$(npm prefix)/package-lock.json" ]; then npm ci; else npm install; fi'

const ON_MAIN = "github.ref == 'refs/heads/main'"

/** The version that this run has trained, wherever others train beside it. */
const VERSION = '"$(node -p "require(\'./report/train.json\').models[0]")"'

/**
 * A workflow of GitHub Actions: data validation, training on a runner of one's own with a GPU, evaluation and quality
 * gate; and on main staging, a smoke test, production. The server's address is the variable GYRE_URL, its keys are
 * secrets.
 */
export function githubWorkflow({ inside, gyre, endpoint, staging }: WorkflowAnswers): string {
  const at = (path: string): string => (inside === '' ? path : `${inside}/${path}`)
  const prepare = [
    { uses: 'actions/checkout@v4' },
    { uses: 'actions/setup-node@v4', with: { 'node-version': 20 } },
    { run: INSTALL },
  ]
  const upload = (name: string) => ({
    if: 'always()',
    uses: 'actions/upload-artifact@v4',
    with: { name, path: at('report/') },
  })
  const download = (name: string) => ({
    uses: 'actions/download-artifact@v4',
    with: { name, path: at('report/') },
  })
  const server = { GYRE_URL: '${{ vars.GYRE_URL }}', GYRE_KEY: '${{ secrets.GYRE_KEY }}' }
  const summary = 'cat report/ci.md >> "$GITHUB_STEP_SUMMARY"'
  const release = (to: string) => `${gyre} release ${to} ${VERSION}`
  const workflow = {
    name: 'gyre',
    on: { push: { paths: [...WATCHED.map(at), '.github/workflows/gyre.yml'] } },
    permissions: { contents: 'read' },
    concurrency: { group: 'gyre-${{ github.ref }}' },
    ...(inside === '' ? {} : { defaults: { run: { 'working-directory': inside } } }),
    jobs: {
      'data-validation': {
        'runs-on': 'ubuntu-latest',
        steps: [
          ...prepare,
          { run: 'mkdir -p report' },
          { run: `${gyre} ci --only code data --junit report/data.xml --markdown report/ci.md` },
          { if: 'always()', run: summary },
          upload('data-report'),
        ],
      },
      train: {
        needs: ['data-validation'],
        'runs-on': ['self-hosted', 'gpu'],
        env: server,
        steps: [
          ...prepare,
          { run: 'mkdir -p report' },
          { run: `${gyre} ci --only data model --train --report-only --json report/train.json` },
          upload('train-report'),
        ],
      },
      evaluate: {
        needs: ['train'],
        'runs-on': 'ubuntu-latest',
        env: server,
        steps: [
          ...prepare,
          download('train-report'),
          {
            name: 'quality gate',
            run: `${gyre} ci --only model --model ${VERSION} --json report/ci.json --junit report/ci.xml --markdown report/ci.md`,
          },
          { if: 'always()', run: summary },
          upload('evaluation-report'),
        ],
      },
      staging: {
        needs: ['evaluate'],
        if: ON_MAIN,
        'runs-on': 'ubuntu-latest',
        environment: 'staging',
        env: server,
        steps: [...prepare, download('train-report'), { run: release(staging) }],
      },
      smoke: {
        needs: ['staging'],
        if: ON_MAIN,
        'runs-on': 'ubuntu-latest',
        env: server,
        steps: [
          { uses: 'actions/checkout@v4' },
          {
            name: 'ask staging one question',
            run: `curl --fail-with-body \${GYRE_KEY:+--header "Authorization: Bearer $GYRE_KEY"} --json @smoke/request.json "$GYRE_URL/predict/${staging}"`,
          },
        ],
      },
      production: {
        needs: ['smoke'],
        if: ON_MAIN,
        'runs-on': 'ubuntu-latest',
        environment: 'production',
        env: server,
        steps: [...prepare, download('train-report'), { run: release(endpoint) }],
      },
    },
  }
  return stringify(workflow, { lineWidth: 0, aliasDuplicateObjects: false })
}
