import { HTTP_400, MISSING, REFUSED, type Difference } from '../difference.ts'

export const artifacts: readonly Difference[] = [
  {
    why: 'A path that is not written in the one way it can be might mean another place somewhere: no verb takes it.',
    gyre: {
      "log the name 'new\\nline'": HTTP_400,
      "get './x'": MISSING,
      "list './x'": HTTP_400,
      "log a text as 'file:///etc/passwd'": HTTP_400,
      "get 'file:///etc/passwd'": MISSING,
      "list 'file:///etc/passwd'": HTTP_400,
      "what 'file:///etc/passwd' left": [],
      "list 'a//b.txt'": HTTP_400,
      "log a text as 'C:\\\\x'": HTTP_400,
      "get 'C:\\\\x'": MISSING,
      "list 'C:\\\\x'": HTTP_400,
      "what 'C:\\\\x' left": [],
      "log a text as 'back\\\\slash'": HTTP_400,
      "get 'back\\\\slash'": MISSING,
      "list 'back\\\\slash'": HTTP_400,
      "what 'back\\\\slash' left": [],
      "log a text as '..\\\\up.txt'": HTTP_400,
      "get '..\\\\up.txt'": MISSING,
      "list '..\\\\up.txt'": HTTP_400,
      "what '..\\\\up.txt' left": [],
    },
  },
  {
    why: 'The client sends these beside the folder of the run. MLflow stores and deletes there.',
    gyre: {
      'delete what climbs': { error: 'HTTP 404' },
    },
  },
  {
    why: 'MLflow answers this refusal alone as plain text.',
    gyre: { 'raw get of a folder': REFUSED },
  },
  {
    why: 'No browser shall take an artifact for a page of this server.',
    gyre: {
      'headers of a page': [
        200,
        'attachment',
        'page.html',
        {
          'accept-ranges': 'bytes',
          'content-length': '18',
          'content-type': 'application/octet-stream',
          'x-content-type-options': 'nosniff',
        },
        18,
      ],
    },
  },
  {
    why: 'Large files come in parts to the server itself, and no client is sent elsewhere with its bytes.',
    gyre: {
      'what the server can': {
        status: 200,
        body: {
          features_enabled: { gateway: false },
          multipart_downloads_enabled: false,
          multipart_uploads_enabled: true,
          presigned_upload_model_id_supported: false,
          presigned_upload_run_id_supported: false,
          store_type: 'SqlStore',
          trace_archival_enabled: false,
          workspaces_enabled: false,
        },
      },
    },
  },
]
