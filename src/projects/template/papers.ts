import type { ProjectCard } from '@gyre/sdk/wire/manifest'

type Answers = ProjectCard & { readonly name: string }

export function packageJson({ name }: Answers): string {
  const content = {
    name: name.toLowerCase(),
    version: '0.1.0',
    private: true,
    type: 'module',
    dependencies: { '@gyre/sdk': '0.1.0' },
  }
  return `${JSON.stringify(content, undefined, 2)}\n`
}

/** For the editor: Gyre itself bundles the project and reads no types. */
export const TSCONFIG = `{
  "compilerOptions": {
    "target": "es2023",
    "module": "nodenext",
    "strict": true,
    "exactOptionalPropertyTypes": true,
    "noUncheckedIndexedAccess": true,
    "verbatimModuleSyntax": true,
    "allowImportingTsExtensions": true,
    "skipLibCheck": true,
    "noEmit": true
  }
}
`

export const GITIGNORE = 'node_modules/\n.gyre/\nreport/\n__pycache__/\n'

export function readme({ name, task, metric, baseline, thresholds, owner }: Answers): string {
  return `# ${name}

| question | answer |
|---|---|
| What are we solving? | ${cell(task)} |
| Measured by | ${cell(metric)} |
| What a model has to beat | ${cell(baseline)} |
| Good enough | ${cell(JSON.stringify(thresholds))} |
| Owner | ${cell(owner)} |

The answers stand in \`gyre.config.ts\`; the gate of the pipeline \`train\` reads its thresholds from there.

## Run it
With a Gyre running (\`gyre up\`), in this folder:

\`\`\`sh
gyre apply                    # bring the definitions and the code in; --plan shows what would change
gyre data import customers    # check data/customers.csv against its columns, keep it as a version
gyre pipeline run train       # rows -> fit and baseline -> gate -> register
gyre model show ${name}
gyre model approve ${name}@1
gyre release ${name} ${name}@1
\`\`\`

## From a change to production
With \`GYRE_URL\` set, by hand or by whatever runs your builds; Python 3 without any package, and Gyre as \`gyre\`,
\`npx gyre\` or what \`GYRE\` says:

\`\`\`sh
python3 scripts/validate_data.py
python3 scripts/train.py --config configs/train.json
python3 scripts/evaluate.py
python3 scripts/quality_gate.py
bash scripts/deploy.sh staging       # needs the approval, unless the pipeline registers with approvedBy: 'gate'
python3 scripts/smoke_test.py
bash scripts/deploy.sh production
\`\`\`

## What lies where
- \`gyre.config.ts\`: what the data must be, the steps of training, what a request sends, what is watched
- \`steps/\`: the code of the steps, plain functions
- \`data/customers.csv\`: made-up rows, until your own take their place
- \`scripts/\`: the steps of a release as programs
`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
